/// What cluster/ needs of a hierarchy. CAF-facing.
#pragma once

#include "actors/branches.hpp"
#include "actors/holdings.hpp"
#include "actors/supervisor_post.hpp"
#include "actors/types.hpp"

namespace echelon::actors {

struct internals {
  caf::actor_system& system;
  std::shared_ptr<directory> where;
  std::shared_ptr<family> children;
  std::shared_ptr<supervisor_post> supervisor;
  std::shared_ptr<holdings> held;
  std::shared_ptr<branches> leases; ///< Null: not clustered.
};

} // namespace echelon::actors
