/// The thin actor over a level_core. CAF-facing.
#pragma once

#include "actors/doorway.hpp"
#include "actors/level_core.hpp"
#include "actors/types.hpp"

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <variant>

namespace echelon::actors {

/// What outlives a crash of the actor: its policy state and whom it owes a turn. Kept by the
/// supervisor, used by one actor at a time.
struct level_memory {
  level_memory(const policy::actor_spec& spec, policy::time_point now) : core(spec, now) {}
  level_core core;
  std::unordered_map<policy::hold_id, caf::strong_actor_ptr> waiters;
  std::unordered_map<std::uint32_t, caf::strong_actor_ptr> borrowers; ///< By tag of the gateway.
  std::atomic<std::uint32_t> restarts{0};
  doorway door;
  planted_fault fault;
  std::atomic<std::int64_t> losses{0}; ///< So many messages of other nodes never arrive.
  /// How many lives the first message of this one has ended so far.
  std::uint32_t tries = 0;
  /// Held by whoever is in the actor: a life of it, or a visitor.
  std::mutex inside;
};

/// One life of an actor. It dies by an exit message or when a handler throws.
class level_host final : public level_actor::base, private doorway::tenant {
public:
  level_host(caf::actor_config& config, std::shared_ptr<level_memory> memory,
             std::shared_ptr<const directory> where);

  using level_actor::base::enqueue;
  void enqueue(caf::mailbox_element_ptr x, caf::execution_unit* where) override;
  bool cleanup(caf::error&& why, caf::execution_unit* where) override;
  void on_exit() override;
  caf::resumable::resume_result resume(caf::execution_unit* where, std::size_t most) override;
  const char* name() const override { return "level"; }
  /// Reads from now on.
  void move_in() { memory_->door.move_in(*this); }

  // Visits: what an idle actor answers to a message, on the calling thread and without the message.
  // Nothing, if it is not idle: then it must be sent. Only without a cluster.
  /// A reply, or who is asked next with `msg`.
  std::optional<std::variant<forward_to, messages::admit_reply>> visit(messages::admit_request& msg,
                                                                       policy::time_point now);
  std::optional<messages::outcome_reply> visit(const messages::report_outcome& msg,
                                               policy::time_point now);

  /// Requests that wait until borrowers have given back what they do not use.
  struct parked {
    caf::typed_response_promise<messages::admit_reply> promise;
    messages::admit_request msg;
  };
  std::deque<parked> short_of;
  std::size_t recalls = 0; ///< Recalls that have no answer yet.

protected:
  level_actor::behavior_type make_behavior() override;

private:
  void read(caf::mailbox_element_ptr x, caf::execution_unit* where) override;
  std::deque<caf::mailbox_element_ptr> leave_behind() override;
  bool is_lost(const caf::mailbox_element& x);
  template <class Work>
  auto as_visitor(policy::time_point now, Work work)
      -> std::optional<decltype(work(std::declval<level_core&>()))>;

  std::shared_ptr<level_memory> memory_;
  std::shared_ptr<const directory> where_;
};

/// How to take back what an admission has done so far, at this actor and to the message.
class admission_mark {
public:
  explicit admission_mark(const messages::admit_request& msg);
  void undo(level_core& core, messages::admit_request& msg, policy::time_point now) const;

private:
  std::vector<policy::path_id> route_, order_;
  std::size_t trail_, members_;
  policy::hold_id hold_;
  policy::path_id lower_;
};

/// Whatever the actor holds for `hold` is as if it had never been taken.
void take_back(level_core& core, policy::hold_id hold, policy::time_point now);
/// What it does with messages.
level_actor::behavior_type level(level_host* self, std::shared_ptr<level_memory> memory,
                                 std::shared_ptr<const directory> where);
/// Nobody decides about it any more: refused here, and what it took above goes back.
messages::admit_reply unavailable(policy::path_id by, messages::admit_request& msg);

} // namespace echelon::actors
