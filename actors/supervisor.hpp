/// Spawns the actors of the hierarchy and starts anew what dies, with its memory. CAF-facing.
#pragma once

#include "actors/level.hpp"

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <functional>
#include <mutex>
#include <vector>

namespace echelon::actors {

/// The actors of one node. Thread-safe.
class family {
public:
  family(caf::actor_system& system, std::shared_ptr<directory> where)
      : system_(system), where_(std::move(where)) {}

  /// Brings the hierarchy to `target`: new actors start, changed ones get their settings and keep
  /// their counts, removed ones end once nothing is held there.
  void apply(const policy::topology& target);
  /// Only actors that `mine` says yes to are started by apply(); others come by take_over().
  void set_filter(std::function<bool(const policy::actor_spec&)> mine);
  /// Starts an actor with what `fill` makes it remember. @returns False if it is here already.
  bool take_over(const policy::actor_spec& spec, const std::function<void(level_core&)>& fill);
  /// The actor is not ours any more: it is not found and not started anew. Null if it is not here.
  [[nodiscard]] level_actor release(policy::path_id id);
  /// Handles that the supervisor does not watch yet.
  [[nodiscard]] std::vector<level_actor> take_unwatched();
  /// An actor ended. @returns Whether it was started anew.
  bool ended(const caf::actor_addr& who);
  [[nodiscard]] std::vector<level_actor> all() const;
  /// What the actors remember; for whoever drives them on one thread.
  void look_at_each(const std::function<void(const level_core&)>& look) const;
  /// Nothing is started any more; everyone is told to end.
  void close();

private:
  struct child {
    std::shared_ptr<level_memory> memory;
    level_actor handle;
    policy::actor_spec spec;
    bool removed = false;
  };
  void start(policy::path_id id, child& x);

  caf::actor_system& system_;
  std::shared_ptr<directory> where_;
  mutable std::mutex mutex_;
  std::unordered_map<policy::path_id, child> children_;
  std::vector<level_actor> unwatched_;
  bool closed_ = false;
  std::function<bool(const policy::actor_spec&)> mine_;
};

using watch_atom = caf::atom_constant<caf::atom("watch")>;

struct supervisor_state {
  static inline constexpr const char* name = "supervisor";
};

/// Send it watch_atom after each family::apply.
caf::behavior supervisor(caf::stateful_actor<supervisor_state>* self,
                         std::shared_ptr<family> children);

} // namespace echelon::actors
