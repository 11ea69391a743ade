/// The thin actor over a level_core. CAF-facing.
#pragma once

#include "actors/level_core.hpp"
#include "actors/types.hpp"

#include <caf/stateful_actor.hpp>

#include <deque>
#include <memory>

namespace echelon::actors {

/// What outlives a crash of the actor: its policy state and whom it owes a turn. Kept by the
/// supervisor, used by one actor at a time.
struct level_memory {
  level_memory(const policy::actor_spec& spec, policy::time_point now) : core(spec, now) {}
  level_core core;
  std::unordered_map<policy::hold_id, caf::strong_actor_ptr> waiters;
  std::unordered_map<std::uint32_t, caf::strong_actor_ptr> borrowers; ///< By tag of the gateway.
  std::uint32_t restarts = 0;
};

struct level_state {
  static inline constexpr const char* name = "level";
  /// Requests that wait until borrowers have given back what they do not use.
  struct parked {
    caf::typed_response_promise<messages::admit_reply> promise;
    messages::admit_request msg;
  };
  std::deque<parked> short_of;
  std::size_t recalls = 0; ///< Recalls that have no answer yet.
};

/// Spawn with the memory of this actor and the directory of all.
level_actor::behavior_type level(level_actor::stateful_pointer<level_state> self,
                                 std::shared_ptr<level_memory> memory,
                                 std::shared_ptr<const directory> where);

} // namespace echelon::actors
