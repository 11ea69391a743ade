/// Where messages for the actors of one node arrive from others, and those for actors that are
/// still on their way here wait. CAF-facing.
#pragma once

#include "actors/types.hpp"
#include "cluster/board.hpp"

#include <caf/stateful_actor.hpp>

#include <deque>
#include <functional>
#include <memory>

namespace echelon::cluster {

struct desk_state {
  static inline constexpr const char* name = "desk";
  struct parked {
    policy::path_id actor;
    std::function<void(const actors::level_actor&)> go; ///< Null handle: nobody comes any more.
    std::chrono::steady_clock::time_point until;
  };
  std::deque<parked> waiting;
};

/// Speaks as any actor of the hierarchy, and passes everything on to the one it is for: here, or at
/// the desk of its owner. Send it `apply_spec{}` when actors have arrived. What waits is bounded in
/// number and time; what finds no room or no owner is answered as unavailable.
actors::level_actor::behavior_type desk(actors::level_actor::stateful_pointer<desk_state> self,
                                        std::shared_ptr<const actors::directory> where,
                                        std::shared_ptr<const board> map);

} // namespace echelon::cluster
