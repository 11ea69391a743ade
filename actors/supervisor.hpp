/// Spawns the actors of the hierarchy and starts anew what dies, with its memory. CAF-facing.
#pragma once

#include "actors/level.hpp"
#include "actors/supervision.hpp"
#include "policy/restarts.hpp"

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <functional>
#include <mutex>
#include <optional>
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
  /// What is left to do for one that ended.
  struct aftermath {
    policy::path_id id = 0;
    std::optional<policy::duration> restart_after; ///< Nothing: not at all, or it has been done.
  };
  /// An actor ended. It is started anew with its memory, at once or by restart(). One that dies too
  /// often takes its siblings with it: all start anew. If that happens too often too, nothing is
  /// started any more, everybody is refused, and `failed` is called.
  aftermath ended(const caf::actor_addr& who);
  void restart(policy::path_id id);
  void set_restart_limits(const policy::restart_terms& each, const policy::restart_terms& all);
  /// Called once, without locks, when the family has failed.
  void set_failed(std::function<void()> then);
  /// A supervisor died and another follows: what was left to it is done at once, and all are to be
  /// watched anew.
  void change_supervisor();
  [[nodiscard]] supervision_totals totals() const;
  /// Plants a fault for chaos tests. @returns False if the actor is not here.
  bool plant(policy::path_id id, planted_fault::where where);
  /// So many messages of other nodes are lost before they reach it. @returns As plant().
  bool lose(policy::path_id id, std::int64_t messages);
  /// Its messages are kept until open(). @returns As plant().
  bool shut(policy::path_id id);
  void open(policy::path_id id);
  /// Messages that wait at the actor's door while it is shut or down.
  [[nodiscard]] std::size_t kept(policy::path_id id) const;
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
    bool down = false;        // It waits to be started anew.
    bool with_family = false; // It ends because all are started anew.
    policy::restart_book book;
  };
  void start(policy::path_id id, child& x);
  void start_anew(policy::path_id id, child& x);
  void restart_all(policy::path_id because);
  void give_up(policy::path_id because);

  caf::actor_system& system_;
  std::shared_ptr<directory> where_;
  mutable std::mutex mutex_;
  std::unordered_map<policy::path_id, child> children_;
  std::vector<level_actor> unwatched_;
  bool closed_ = false, failed_ = false;
  policy::restart_terms terms_;
  policy::restart_book book_{{3, std::chrono::seconds{60}}};
  supervision_totals totals_;
  std::function<void()> when_failed_;
  std::function<bool(const policy::actor_spec&)> mine_;
};

using watch_atom = caf::atom_constant<caf::atom("watch")>;
using restart_atom = caf::atom_constant<caf::atom("restart")>;
using pause_atom = caf::atom_constant<caf::atom("pause")>;
using open_atom = caf::atom_constant<caf::atom("open")>;

struct supervisor_state {
  static inline constexpr const char* name = "supervisor";
};

/// Send it watch_atom after each family::apply; (pause_atom, id, milliseconds) pauses an actor.
caf::behavior supervisor(caf::stateful_actor<supervisor_state>* self,
                         std::shared_ptr<family> children);

} // namespace echelon::actors
