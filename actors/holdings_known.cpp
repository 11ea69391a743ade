// How much of what this gateway holds others know.
#include "actors/holdings.hpp"

#include <algorithm>

namespace echelon::actors {

using namespace policy;
using namespace std::chrono_literals;

namespace {

// Told so often, if anything has changed; and again, if unanswered.
constexpr duration round = 250ms;

} // namespace

/// Lets `hold` begin if it may at every actor of `trail`.
bool holdings::begin(hold_id hold, const std::vector<path_id>& trail) {
  const auto at = [&](path_id id) -> std::pair<ceiling*, bool*> {
    const auto i = actors_.find(id);
    if (i == actors_.end() || !i->second.ceiling) return {};
    const auto held = i->second.holds.find(hold);
    if (held == i->second.holds.end() || held->second) return {};
    return {&*i->second.ceiling, &held->second};
  };
  for (const auto id : trail)
    if (const auto [c, begun] = at(id); wake_ && c != nullptr && !c->may_begin()) return false;
  for (const auto id : trail)
    if (const auto [c, begun] = at(id); c != nullptr) {
      c->begin();
      *begun = true;
    }
  return true;
}

std::vector<holdings::waiting> holdings::take_ready() {
  std::vector<waiting> ready;
  std::erase_if(waiting_, [&](auto& w) {
    if (!begin(w.hold, w.trail)) return false;
    ready.push_back(std::move(w));
    return true;
  });
  return ready;
}

void holdings::when_known(hold_id hold, const std::vector<path_id>& trail, time_point since,
                          std::function<void(bool)> then) {
  std::function<void()> wake;
  {
    const std::lock_guard guard{mutex_};
    if (!begin(hold, trail)) {
      waiting_.push_back({hold, trail, since, std::exchange(then, nullptr)});
      if (!open_) wake = wake_;
    }
  }
  if (then) return then(true);
  if (wake) wake();
}

void holdings::expire(time_point before) {
  std::vector<waiting> over;
  {
    const std::lock_guard guard{mutex_};
    std::erase_if(waiting_, [&](auto& w) {
      if (w.since >= before) return false;
      over.push_back(std::move(w));
      return true;
    });
  }
  for (const auto& w : over)
    w.then(false);
}

std::optional<messages::ceilings> holdings::tell(time_point now) {
  const std::lock_guard guard{mutex_};
  if (now - faded_ >= 1s) {
    faded_ = now;
    for (auto& [id, x] : actors_)
      if (x.ceiling) x.ceiling->fade();
  }
  const bool soon = now - told_ < round;
  if (open_ && soon && !renew_) return std::nullopt;
  const auto changed = [&] {
    return std::any_of(actors_.begin(), actors_.end(), [](const auto& a) {
      return a.second.ceiling && a.second.ceiling->wish() != a.second.ceiling->told();
    });
  };
  if (!open_ && !renew_ && waiting_.empty() && (soon || !changed())) return std::nullopt;
  messages::ceilings x;
  x.number = ++number_;
  for (auto& [id, a] : actors_)
    if (a.ceiling && a.ceiling->tell() > 0) x.of.push_back({id, a.ceiling->told()});
  open_ = true;
  renew_ = false;
  told_ = now;
  return x;
}

void holdings::known(std::uint64_t number) {
  std::vector<waiting> ready;
  {
    const std::lock_guard guard{mutex_};
    if (number != number_ || !open_) return;
    open_ = false;
    for (auto& [id, x] : actors_)
      if (x.ceiling) x.ceiling->known();
    ready = take_ready();
  }
  for (const auto& w : ready)
    w.then(true);
}

void holdings::renew(bool forgotten) {
  const std::lock_guard guard{mutex_};
  renew_ = true;
  if (!forgotten) return;
  for (auto& [id, x] : actors_)
    if (x.ceiling) x.ceiling->forget();
}

void holdings::set_wake(std::function<void()> x) {
  const std::lock_guard guard{mutex_};
  wake_ = std::move(x);
}

} // namespace echelon::actors
