// When the cluster is split and each side goes on with its part: what actors get of the limits,
// what counts as held, and what becomes of breakers when it heals.
#include "cluster/office.hpp"

#include <caf/send.hpp>

#include <algorithm>

namespace echelon::cluster {

using namespace std::chrono_literals;
using policy::path_id;

void office_state::take_part() {
  if (core_->part() == part_) return;
  part_ = core_->part();
  topology_ = policy::scaled(whole_, part_);
  scale_actors();
}

/// Takes our actors out of service; settle() brings them back with their part of the limits and all
/// that they remember.
void office_state::scale_actors() {
  for (const auto key : started_)
    for (const auto id : places_[key])
      if (auto handle = setup_.tree->inside().children->release(id))
        retained_[key].push_back(std::move(handle));
}

/// What gateways of other sides may hold that nobody here has heard of: as much as there is. It is
/// dropped by reconcile(), when an attempt cannot last any longer.
void office_state::fill_with_unknown(rebuild& of, path_id key) const {
  const auto& v = core_->current();
  if (std::all_of(v.before.begin(), v.before.end(),
                  [&](const auto& m) { return has_member(v, m); }))
    return;
  for (const auto id : places_.at(key)) {
    const auto* spec = topology_->find(id);
    if (spec == nullptr || !spec->gate.concurrency) continue;
    add_unknown(of, id,
                static_cast<std::int64_t>(spec->gate.concurrency->limit)
                    - static_cast<std::int64_t>(of.known[id].holds.size()));
  }
}

/// Our actors end, but their breakers are told to whoever puts them together anew.
void office_state::keep_breakers() {
  scale_actors();
  started_.clear();
  if (retained_.empty()) return; // It is told already.
  const auto kept = std::make_shared<kept_breakers>();
  kept->at = now();
  for (const auto& [key, handles] : retained_)
    kept->missing += handles.size();
  for (const auto& [key, handles] : retained_)
    for (const auto& handle : handles)
      self_->request(handle, 1s, messages::hand_over{})
          .then(
              [kept](const messages::actor_memory& x) {
                kept->of[x.actor] = x.gate.breaker;
                --kept->missing;
              },
              [kept](const caf::error&) { --kept->missing; });
  retained_.clear();
  breakers_ = kept;
}

void office_state::add_breakers(messages::tell_holdings& to) {
  const auto age = now() - breakers_->at;
  if (age > 10s) return; // Of an earlier split.
  for (const auto id : places_[to.key]) {
    const auto i = breakers_->of.find(id);
    if (i == breakers_->of.end()) continue;
    auto x = i->second;
    x.open_for_ns = std::max<std::int64_t>(0, x.open_for_ns - age.count());
    x.benched_for_ns = std::max<std::int64_t>(0, x.benched_for_ns - age.count());
    entry_of(to.actors, id).breakers.push_back(x);
  }
}

} // namespace echelon::cluster
