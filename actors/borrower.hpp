/// Carries the claims of this node's leases to the actors that lend, and their answers back; gives
/// back when they ask. CAF-facing.
#pragma once

#include "actors/branches.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <memory>

namespace echelon::actors {

using due_atom = caf::atom_constant<caf::atom("due")>;
using round_atom = caf::atom_constant<caf::atom("round")>;

struct borrower_state {
  static inline constexpr const char* name = "borrower";
};

/// One per node. Send it due_atom when a claim is due; it looks by itself now and then.
caf::behavior borrower(caf::stateful_actor<borrower_state>* self, std::shared_ptr<branches> of,
                       std::shared_ptr<const directory> where);

} // namespace echelon::actors
