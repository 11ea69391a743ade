#include "actors/holdings.hpp"

#include <algorithm>

namespace echelon::actors {

using namespace policy;

namespace {

/// How long starts at this actor matter; 0: not at all.
duration window_of(const actor_spec& spec) {
  duration longest{};
  if (spec.gate.rate)
    if (const auto* x = std::get_if<sliding_window_settings>(&*spec.gate.rate)) longest = x->window;
  if (spec.gate.tokens) longest = std::max(longest, spec.gate.tokens->window);
  return longest;
}

} // namespace

void holdings::apply(topology_ptr x) {
  const std::lock_guard guard{mutex_};
  topology_ = std::move(x);
  for (const auto& [id, spec] : topology_->actors) {
    auto& own = actors_[id];
    own.window = window_of(spec);
    if (!spec.gate.concurrency) {
      own.ceiling.reset();
      continue;
    }
    if (!own.ceiling) {
      own.ceiling.emplace();
      for (auto& [hold, begun] : own.holds) {
        own.ceiling->add();
        own.ceiling->begin(); // It has, or is about to.
        begun = true;
      }
    }
    own.ceiling->set_limit(spec.gate.concurrency->limit);
  }
  std::erase_if(actors_, [&](const auto& a) {
    return topology_->actors.count(a.first) == 0 && a.second.holds.empty();
  });
}

bool holdings::granted(const ask_admission& asked, const std::vector<path_id>& trail,
                       time_point now) {
  const std::lock_guard guard{mutex_};
  for (const auto id : trail) {
    auto& x = actors_[id];
    if (x.holds.emplace(asked.hold, !x.ceiling).second && x.ceiling) x.ceiling->add();
    const bool paid =
        std::find(asked.charged.begin(), asked.charged.end(), id) != asked.charged.end();
    if (x.window == duration::zero() || paid) continue;
    while (!x.starts.empty() && now - x.starts.front().at > x.window)
      x.starts.pop_front();
    x.starts.push_back({asked.hold, asked.tokens, now});
  }
  return begin(asked.hold, trail);
}

void holdings::ended(const actor_release& x) {
  std::vector<waiting> ready;
  {
    const std::lock_guard guard{mutex_};
    const auto i = actors_.find(x.actor);
    if (i == actors_.end() || x.release.id == 0) return;
    auto& own = i->second;
    if (const auto held = own.holds.find(x.release.id); held != own.holds.end()) {
      if (own.ceiling) own.ceiling->end(held->second);
      own.holds.erase(held);
    }
    if (x.release.refund) {
      auto& starts = own.starts;
      const auto last = std::find_if(starts.rbegin(), starts.rend(),
                                     [&](const auto& s) { return s.hold == x.release.id; });
      if (last != starts.rend()) starts.erase(std::next(last).base());
    }
    ready = take_ready();
  }
  for (const auto& w : ready)
    w.then(true);
}

std::vector<messages::actor_holdings> holdings::inventory() const {
  std::vector<messages::actor_holdings> found;
  const std::lock_guard guard{mutex_};
  for (const auto& [id, x] : actors_) {
    if (x.holds.empty()) continue;
    auto& to = found.emplace_back();
    to.actor = id;
    for (const auto& [hold, begun] : x.holds)
      to.holds.push_back(hold);
  }
  return found;
}

std::vector<messages::actor_holdings> holdings::of(path_id place, time_point now) const {
  std::vector<messages::actor_holdings> found;
  const std::lock_guard guard{mutex_};
  for (const auto& [id, x] : actors_) {
    const auto* spec = topology_ ? topology_->find(id) : nullptr;
    if (spec == nullptr || spec->place != place) continue;
    auto& to = found.emplace_back();
    to.actor = id;
    for (const auto& [hold, begun] : x.holds)
      to.holds.push_back(hold);
    for (const auto& s : x.starts)
      if (now - s.at <= x.window) to.started.push_back({s.hold, s.tokens, (now - s.at).count()});
  }
  return found;
}

} // namespace echelon::actors
