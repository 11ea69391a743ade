/// The hierarchy as its users see it: asks go in, answers come back by callback. No CAF types.
#pragma once

#include "actors/supervision.hpp"
#include "messages/admission.hpp"
#include "policy/dispatch.hpp"
#include "policy/restarts.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace caf {
class actor_system;
}

namespace echelon::actors {

struct internals; // actors/internals.hpp

/// Admissions of this process's requests in a cluster, actor by actor, since it started.
struct admission_totals {
  std::uint64_t own = 0;    ///< By an actor that lives here.
  std::uint64_t leased = 0; ///< By a lease of an actor of another node.
  std::uint64_t remote = 0; ///< Asked of another node.
};

/// All actors of this process and the way to them. Thread-safe. Callbacks run on whatever thread
/// answers, once each, and must not block; a forgotten one never runs.
class hierarchy {
public:
  using token = std::uint64_t;

  /// Starts an actor system of its own with `threads` workers (0: one per core).
  explicit hierarchy(const policy::topology_ptr& topology, unsigned threads = 0);
  /// Lives in the host's actor system, which must know echelon's types (see add_message_types())
  /// and outlive this. `clustered`: no actor starts by itself, see cluster/; asks get lost and end
  /// as unavailable by expire(). `tag`: upper 24 bits of the ids that it gives; 0: drawn.
  hierarchy(caf::actor_system& host, const policy::topology_ptr& topology, bool clustered = false,
            std::uint32_t tag = 0);
  ~hierarchy();
  hierarchy(const hierarchy&) = delete;
  hierarchy& operator=(const hierarchy&) = delete;

  void ask(const policy::ask_admission& x, std::function<void(policy::admission_answer)> then);
  /// `then(none)`: a permit is kept for the waiter. Anything else: it is not.
  token wait(const policy::wait_turn& x, std::function<void(policy::refusal)> then);
  /// Whatever an ask that broke off on its way may have taken goes back.
  void give_back(const policy::ask_admission& x, const policy::admission_answer& answer);
  /// Who waits is gone.
  void forget(token x);
  void tell(const policy::actor_release& x);
  /// The same for all of them, in order.
  void tell(const std::vector<policy::actor_release>& all);
  /// `then` gets how long the actor refuses from now on.
  void tell(const policy::actor_release& x, std::function<void(policy::duration)> then);
  /// The state of every actor, sorted by path; those that die meanwhile are left out. @returns What
  /// ends it, without those that have not answered yet; does nothing if all have.
  std::function<void()> states(std::function<void(std::vector<messages::actor_state>)> then);
  /// The state of one actor; nothing if there is none.
  void state(policy::path_id id, std::function<void(std::optional<messages::actor_state>)> then);
  /// What an active health check found out, for this actor; `member`: of a pool.
  void tell_health(policy::path_id actor, policy::path_id member, bool healthy);
  void apply(const policy::topology_ptr& topology);
  /// Whatever was asked of actors before `before` and has no answer ends without one; a late one is
  /// given back.
  void expire(policy::time_point before);
  /// Whoever waits for a permit looks around again, as if there was one.
  void wake_all();
  [[nodiscard]] internals& inside();
  [[nodiscard]] bool clustered() const;
  [[nodiscard]] admission_totals admissions() const;
  /// Ends the actor as by a crash; its supervisor starts it anew. @returns False if there is none.
  bool kill(policy::path_id id);
  /// Does something to an actor of this node on purpose. `amount`: milliseconds of a pause (at most
  /// 60,000), messages of a fill or drop (at most 1,000,000). The supervisor may be killed as well:
  /// another follows. @returns False if it does not live here.
  bool disturb(policy::path_id id, disturbance what, std::int64_t amount = 0);
  [[nodiscard]] static policy::path_id supervisor_id();
  /// `each`: how often one actor may die; `all`: how often all may be started anew because one died
  /// too often. Beyond that the node fails, see on_failure().
  void set_restart_limits(const policy::restart_terms& each, const policy::restart_terms& all);
  /// Called once, on some thread, when supervision has given up; everybody is refused then.
  void on_failure(std::function<void()> then);
  [[nodiscard]] supervision_totals supervision() const;
  /// A fresh id for a request.
  [[nodiscard]] policy::hold_id new_hold();

private:
  class impl;
  std::shared_ptr<impl> impl_;
};

} // namespace echelon::actors
