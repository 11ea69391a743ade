/// The thin actor over a level_core. CAF-facing.
#pragma once

#include "actors/doorway.hpp"
#include "actors/level_core.hpp"
#include "actors/types.hpp"

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
  std::atomic<std::uint32_t> restarts{0};
  doorway door;
  planted_fault fault;
  /// How many lives the first message of this one has ended so far.
  std::uint32_t tries = 0;
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
  const char* name() const override { return "level"; }
  /// Reads from now on.
  void move_in() { memory_->door.move_in(*this); }

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

  std::shared_ptr<level_memory> memory_;
  std::shared_ptr<const directory> where_;
};

/// What it does with messages.
level_actor::behavior_type level(level_host* self, std::shared_ptr<level_memory> memory,
                                 std::shared_ptr<const directory> where);
/// Nobody decides about it any more: refused here, and what it took above goes back.
messages::admit_reply unavailable(policy::path_id by, messages::admit_request& msg);

} // namespace echelon::actors
