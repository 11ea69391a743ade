#include "policy/rotation.hpp"

#include <algorithm>

namespace echelon::policy {

rotation::rotation(rotation_strategy strategy, std::vector<std::uint32_t> weights,
                   duration slow_start, custom_rotation custom)
    : strategy_(strategy), custom_(std::move(custom)), firsts_(weights.size(), 0),
      weights_(weights.begin(), weights.end()), current_(weights.size(), 0),
      last_used_(weights.size(), 0), comeback_(weights.size()), slow_start_(slow_start) {
  const auto none = std::all_of(weights_.begin(), weights_.end(), [](auto w) { return w == 0; });
  // Round robin is the smooth weighted order with equal weights.
  if (none || strategy == rotation_strategy::round_robin)
    std::fill(weights_.begin(), weights_.end(), 1);
}

void rotation::back(std::size_t i, time_point now) {
  if (!comeback_[i].lost) return;
  comeback_[i] = {false, slow_start_ > duration::zero(), now, 0};
}

/// Whether member i, whose turn it is, leaves it to the next one.
bool rotation::gives_way(std::size_t i, time_point now) {
  auto& x = comeback_[i];
  if (!x.ramping) return false;
  const auto elapsed = now - x.since;
  if (elapsed >= slow_start_) {
    x.ramping = false;
    return false;
  }
  x.credit += std::max<std::int64_t>(100, elapsed * 1000 / slow_start_);
  if (x.credit < 1000) return true;
  x.credit -= 1000;
  return false;
}

/// What a host's function says, with all it left out behind and all that is no member left out.
std::vector<std::size_t> rotation::by_host(const std::vector<std::size_t>& usable) {
  const auto turn = turn_++;
  std::vector<rotation_member> seen;
  for (const auto i : usable)
    seen.push_back({i, static_cast<std::uint32_t>(weights_[i]), firsts_[i]});
  std::vector<std::size_t> wanted;
  try {
    if (custom_ && *custom_) wanted = (*custom_)(seen, turn);
  } catch (...) {
    wanted.clear(); // The host's fault must not stop its requests.
  }
  std::vector<std::size_t> order;
  const auto add = [&](std::size_t i) {
    if (std::find(order.begin(), order.end(), i) == order.end()) order.push_back(i);
  };
  for (const auto i : wanted)
    if (std::find(usable.begin(), usable.end(), i) != usable.end()) add(i);
  for (std::size_t i = 0; i < usable.size(); ++i)
    add(usable[(turn + i) % usable.size()]);
  return order;
}

std::vector<std::size_t> rotation::next(time_point now, const std::vector<bool>& usable) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < weights_.size(); ++i)
    if (usable.empty() || usable[i]) order.push_back(i);
  if (order.empty()) return order;
  if (strategy_ == rotation_strategy::custom) {
    order = by_host(order);
    ++firsts_[order.front()];
    if (order.size() > 1 && gives_way(order.front(), now))
      std::rotate(order.begin(), order.begin() + 1, order.end());
    return order;
  }
  if (strategy_ == rotation_strategy::least_recently_used) {
    std::stable_sort(order.begin(), order.end(),
                     [&](auto a, auto b) { return last_used_[a] < last_used_[b]; });
    last_used_[order.front()] = ++turn_;
    if (order.size() > 1 && gives_way(order.front(), now))
      std::rotate(order.begin(), order.begin() + 1, order.end());
    return order;
  }
  std::int64_t sum = 0;
  for (auto i : order) {
    current_[i] += weights_[i];
    sum += weights_[i];
  }
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
    if ((weights_[a] == 0) != (weights_[b] == 0)) return weights_[b] == 0;
    return current_[a] > current_[b];
  });
  current_[order.front()] -= sum;
  // The next one may be a last resort of weight 0, which is no reason to give way to it.
  if (order.size() > 1 && weights_[order[1]] > 0 && gives_way(order.front(), now))
    std::rotate(order.begin(), order.begin() + 1, order.end());
  return order;
}

} // namespace echelon::policy
