/// What supervision did, and what chaos tests may do to an actor. No CAF types.
#pragma once

#include <cstdint>

namespace echelon::actors {

/// Since the start of the process.
struct supervision_totals {
  std::uint64_t restarts = 0;    ///< Of single actors.
  std::uint64_t escalations = 0; ///< All actors were started anew because one died too often.
  std::uint64_t supervisors = 0; ///< Supervisors that died and were followed by another.
  std::uint64_t down = 0;        ///< Actors that wait to be started anew, now.
  bool failed = false;           ///< Even that happened too often: nobody is admitted any more.
};

/// What is done to an actor on purpose.
enum class disturbance : std::uint8_t {
  kill,         ///< It dies between two messages.
  throw_before, ///< Its next handler throws before it decides,
  throw_after,  ///< or when it has decided and nobody knows yet.
  pause,        ///< It reads nothing for some milliseconds.
  fill,         ///< Some messages go to its mailbox at once.
  drop,         ///< Some messages of other nodes are lost on their way to it.
};

} // namespace echelon::actors
