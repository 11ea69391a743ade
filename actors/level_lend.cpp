// What an actor lends to gateways of other nodes.
#include "actors/level_core.hpp"

#include <algorithm>

namespace echelon::actors {

using namespace policy;

/// A pool whose members are not all well chooses for each request by itself, and so does who counts
/// money.
bool level_core::may_lend() const {
  return !retired_ && !spec_.gate.money
         && std::all_of(ejections_.begin(), ejections_.end(),
                        [](const auto& x) { return x.closed(); });
}

// As with a breaker: no probe while a borrower may send requests that are none.
duration level_core::ejected_for(std::size_t member, time_point now) const {
  const auto wait = ejections_[member].wait(now);
  const bool blind = wait == duration::zero() && !ejections_[member].closed() && gate_.any_open();
  return blind ? duration{std::chrono::milliseconds{100}} : wait;
}

void level_core::note_well(const std::vector<path_id>& members, time_point now) {
  for (const auto id : members) {
    const auto member = index_of(id);
    if (!member) continue;
    if (spec_.at == level::tier) rotation_.back(*member, now);
    if (spec_.at == level::pool && ejections_[*member].closed())
      ejections_[*member].report(ejections_[*member].pass(now), outcome::success, now);
  }
}

lease_terms level_core::lend(const lease_claim& x, duration grace, time_point now) {
  note_well(x.well, now);
  return gate_.lend(x, may_lend(), grace, now);
}

void level_core::returned(const lease_claim& x, time_point now) {
  note_well(x.well, now);
  gate_.returned(x, now);
}

bool level_core::short_of_lent(const messages::admit_request& msg, time_point now) {
  return !retired_ && gate_.short_of_lent(ask_of(msg), now);
}

std::vector<std::uint32_t> level_core::recalls(time_point now, bool at_once) {
  if (!at_once && !changed_ && may_lend() && !gate_.wants_back(now)) return {};
  changed_ = false;
  return gate_.recall(now);
}

} // namespace echelon::actors
