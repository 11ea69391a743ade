// Visits of an idle actor: its decisions at once on the thread that asks, without a message.
#include "actors/level.hpp"

#include <caf/send.hpp>

#include <algorithm>

namespace echelon::actors {

namespace {

// Somebody who is in the actor is out again within about a microsecond.
constexpr int most_tries = 100;

bool get_in(std::unique_lock<std::mutex>& guard) {
  for (int i = 0; i < most_tries; ++i)
    if (guard.try_lock()) return true;
  return false;
}

} // namespace

admission_mark::admission_mark(const messages::admit_request& msg)
    : route_(msg.route), order_(msg.order), trail_(msg.trail.size()), members_(msg.members.size()),
      hold_(msg.hold), lower_(msg.lower) {}

void admission_mark::undo(level_core& core, messages::admit_request& msg,
                          policy::time_point now) const {
  take_back(core, hold_, now);
  msg.route = route_;
  msg.order = order_;
  msg.trail.resize(std::min(trail_, msg.trail.size()));
  msg.members.resize(std::min(members_, msg.members.size()));
  msg.lower = lower_;
}

void take_back(level_core& core, policy::hold_id hold, policy::time_point now) {
  messages::report_outcome x;
  x.actor = core.spec().id;
  x.hold = hold;
  x.result = static_cast<std::uint8_t>(policy::outcome::neutral);
  x.refund = true;
  static_cast<void>(core.report(x, now));
}

/// A life of the actor, for as long as the scheduler lets it run. It may have to wait for a
/// visitor; visitors wait for nobody.
caf::resumable::resume_result level_host::resume(caf::execution_unit* where, std::size_t most) {
  const std::lock_guard guard{memory_->inside};
  return level_actor::base::resume(where, most);
}

/// What `work(core)` returns if the actor is idle; afterwards waiters are told whose turn has come.
/// Nothing: it was not idle, or `work` has thrown.
template <class Work>
auto level_host::as_visitor(policy::time_point now, Work work)
    -> std::optional<decltype(work(std::declval<level_core&>()))> {
  auto& memory = *memory_;
  std::optional<decltype(work(memory.core))> result;
  std::vector<std::pair<caf::strong_actor_ptr, policy::hold_id>> turns;
  {
    std::unique_lock guard{memory.inside, std::defer_lock};
    // A blocked mailbox is empty, and its actor asleep until the next message.
    if (!get_in(guard) || !memory.door.is_open_to(*this) || !mailbox().blocked()
        || memory.fault.planted())
      return std::nullopt;
    try {
      result.emplace(work(memory.core));
    } catch (const std::exception&) {
      return std::nullopt; // That ends a life: of whoever handles the message, if it is so again.
    }
    for (const auto hold : memory.core.woken(now))
      if (auto waiter = memory.waiters.extract(hold); !waiter.empty())
        turns.emplace_back(std::move(waiter.mapped()), hold);
    // Its last permit is back: it ends in a life of its own.
    if (memory.core.finished(now))
      caf::anon_send(caf::actor_cast<level_actor>(caf::strong_actor_ptr{ctrl()}),
                     messages::apply_spec{});
  }
  for (const auto& [asker, hold] : turns)
    caf::anon_send(caf::actor_cast<caf::actor>(asker), messages::turn_granted{hold});
  return result;
}

std::optional<std::variant<forward_to, messages::admit_reply>>
level_host::visit(messages::admit_request& msg, policy::time_point now) {
  const admission_mark before{msg};
  return as_visitor(now, [&](level_core& core) {
    try {
      return core.admit(msg, now);
    } catch (const std::exception&) {
      before.undo(core, msg, now);
      throw;
    }
  });
}

std::optional<messages::outcome_reply> level_host::visit(const messages::report_outcome& msg,
                                                         policy::time_point now) {
  return as_visitor(now, [&](level_core& core) {
    memory_->waiters.erase(msg.hold);
    return core.report(msg, now);
  });
}

} // namespace echelon::actors
