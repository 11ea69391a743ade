#include "policy/queue.hpp"

#include <algorithm>
#include <tuple>
#include <vector>

namespace echelon::policy {

bool admission_queue::earlier::operator()(const waiter& a, const waiter& b) const {
  return std::tie(a.deadline, a.since, a.id) < std::tie(b.deadline, b.since, b.id);
}

void admission_queue::drop_expired(time_point now) {
  for (auto& line : lines_) {
    while (!line.empty() && line.begin()->deadline <= now) {
      by_id_.erase(line.begin()->id);
      line.erase(line.begin());
    }
  }
}

bool admission_queue::push(const waiter& x, time_point now) {
  if (by_id_.size() >= capacity_) drop_expired(now);
  if (by_id_.size() >= capacity_ || by_id_.count(x.id) != 0) return false;
  auto copy = x;
  copy.priority = std::min<std::uint8_t>(x.priority, 9);
  lines_[copy.priority].insert(copy);
  by_id_.emplace(copy.id, copy);
  return true;
}

std::optional<waiter> admission_queue::pop(time_point now) {
  drop_expired(now);
  const waiter* best = nullptr;
  std::int64_t best_rank = 0;
  for (std::int64_t i = 0; i < 10; ++i) {
    if (lines_[i].empty()) continue;
    const auto& head = *lines_[i].begin();
    const auto rank = i - (now - head.since) / aging;
    if (best == nullptr || rank < best_rank) {
      best = &head;
      best_rank = rank;
    }
  }
  if (best == nullptr) return std::nullopt;
  const auto result = *best;
  remove(result.id);
  return result;
}

bool admission_queue::remove(hold_id id) {
  const auto i = by_id_.find(id);
  if (i == by_id_.end()) return false;
  lines_[i->second.priority].erase(i->second);
  by_id_.erase(i);
  return true;
}

} // namespace echelon::policy
