#include "engine/event_hub.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace echelon::engine {

event_hub::listener::listener(event_hub& of, std::size_t most, std::function<void()> wake)
    : hub_(of), most_(most), wake_(std::move(wake)) {
  const std::lock_guard guard{hub_.mutex_};
  hub_.listeners_.push_back(this);
  hub_.count_ = hub_.listeners_.size();
}

event_hub::listener::~listener() {
  const std::lock_guard guard{hub_.mutex_};
  auto& all = hub_.listeners_;
  all.erase(std::remove(all.begin(), all.end(), this), all.end());
  hub_.count_ = all.size();
}

std::vector<event_ptr> event_hub::listener::take(std::uint64_t& dropped) {
  const std::lock_guard guard{hub_.mutex_};
  dropped = std::exchange(dropped_, 0);
  std::vector<event_ptr> all{waiting_.begin(), waiting_.end()};
  waiting_.clear();
  size_ = 0;
  return all;
}

void event_hub::publish(std::string_view kind, const nlohmann::json& data) {
  if (!heard()) return;
  auto text = data.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  const std::lock_guard guard{mutex_};
  const auto made = std::make_shared<const event>(event{++last_id_, kind, std::move(text)});
  for (auto* x : listeners_) {
    if (!x->waiting_.empty() && x->size_ + made->data.size() > x->most_) {
      ++x->dropped_;
      continue;
    }
    x->waiting_.push_back(made);
    x->size_ += made->data.size();
    // Under the lock: a listener that is gone is never woken.
    if (x->waiting_.size() == 1) x->wake_();
  }
}

} // namespace echelon::engine
