#include "reference.hpp"

#include <algorithm>

namespace echelon::simulation {

using namespace policy;

void reference::begin(const attempt& x) {
  ++started_;
  running_.emplace(x.number, x);
  for (const auto id : x.levels) {
    const auto* spec = topology_->find(id);
    const auto n = ++at_[id];
    if (spec->gate.concurrency && n > spec->gate.concurrency->limit) {
      auto text = spec->path + " runs " + std::to_string(n) + " at once:";
      for (const auto& [number, other] : running_)
        if (std::find(other.levels.begin(), other.levels.end(), id) != other.levels.end())
          text += " #" + std::to_string(number);
      time_.violation(text);
    }
  }
  for (const auto& [id, asked] : x.paid)
    uses_[id].push_back({asked, time_.now(), x.number});
  const auto half = half_open_.find(x.model);
  if (half == half_open_.end() || x.asked <= half->second) return;
  const auto probes = std::count_if(running_.begin(), running_.end(), [&](const auto& other) {
    return other.second.model == x.model && other.second.asked > half->second;
  });
  const auto* spec = topology_->find(x.model);
  if (probes > spec->gate.breaker.half_open_requests)
    time_.violation(spec->path + " gets " + std::to_string(probes) + " probes while half-open");
}

void reference::end(std::uint64_t number) {
  const auto i = running_.find(number);
  if (i == running_.end()) return;
  for (const auto id : i->second.levels)
    --at_[id];
  running_.erase(i);
}

void reference::breaker(path_id model, bool serves, bool half_open) {
  const bool is = serves && half_open;
  if (is == (half_open_.count(model) != 0)) return;
  if (is)
    half_open_.emplace(model, time_.now());
  else
    half_open_.erase(model);
  time_.note(std::string{topology_->path(model)}
             + (is ? " is half-open" : " is half-open no more"));
}

void reference::check_windows() {
  for (auto& [id, uses] : uses_) {
    const auto* spec = topology_->find(id);
    const auto* window = std::get_if<sliding_window_settings>(&*spec->gate.rate);
    if (window == nullptr) continue;
    // By start: those that were asked for after t and began by t + window took their units in it.
    std::sort(uses.begin(), uses.end(),
              [](const auto& a, const auto& b) { return a.started < b.started; });
    for (const auto& first : uses) {
      std::int64_t inside = 0;
      for (const auto& x : uses)
        if (x.asked >= first.asked && x.started - first.asked < window->window) ++inside;
      if (inside <= window->max_units) continue;
      auto text = spec->path + " starts " + std::to_string(inside) + " in a window of "
                  + std::to_string(window->max_units) + ':';
      for (const auto& x : uses)
        if (x.asked >= first.asked && x.started - first.asked < window->window)
          text += " #" + std::to_string(x.number);
      return time_.violation(text + " asked from " + timeline::text(first.asked));
    }
  }
}

} // namespace echelon::simulation
