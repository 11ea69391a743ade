#include "actors/level.hpp"

#include "config/log.hpp"

#include <caf/send.hpp>

#include <algorithm>

namespace echelon::actors {

messages::admit_reply unavailable(policy::path_id by, messages::admit_request& msg) {
  messages::admit_reply x;
  x.why = static_cast<std::uint8_t>(policy::refusal::unavailable);
  x.by = by;
  x.trail = std::move(msg.trail);
  x.order = std::move(msg.order);
  x.members = std::move(msg.members);
  return x;
}

namespace {

using namespace std::chrono_literals;
using self_ptr = level_host*;
using fault_at = planted_fault::where;

// Longer than the way to any living node and back; who is short of something waits no longer.
constexpr auto recall_time = 200ms;

struct parts {
  self_ptr self;
  std::shared_ptr<level_memory> memory;
  std::shared_ptr<const directory> where;
  [[nodiscard]] policy::time_point now() const { return self->clock().now(); }
};

/// Tells waiters whose turn has come.
void wake(const parts& of) {
  auto& memory = *of.memory;
  for (const auto hold : memory.core.woken(of.now())) {
    const auto i = memory.waiters.find(hold);
    if (i == memory.waiters.end()) continue;
    const auto asker = caf::actor_cast<caf::actor>(i->second);
    memory.waiters.erase(i);
    caf::anon_send(asker, messages::turn_granted{hold});
  }
}

void settle(const parts& of);
void take_parked(const parts& of);

/// Asks borrowers to give back what they do not use.
void recall(const parts& of, bool at_once) {
  for (const auto tag : of.memory->core.recalls(of.now(), at_once)) {
    const auto i = of.memory->borrowers.find(tag);
    if (i == of.memory->borrowers.end()) continue;
    ++of.self->recalls;
    of.self
        ->request(caf::actor_cast<caf::actor>(i->second), recall_time,
                  messages::recall_lease{of.memory->core.spec().id})
        .then(
            [=](const messages::claim_lease& x) {
              --of.self->recalls;
              of.memory->core.returned(x.claim, of.now());
              settle(of);
              take_parked(of);
            },
            [=](const caf::error&) {
              --of.self->recalls;
              take_parked(of);
            });
  }
}

/// After anything that may have changed who may go on or what may stay lent.
void settle(const parts& of) {
  wake(of);
  recall(of, false);
  if (of.memory->core.finished(of.now())) of.self->quit();
}

/// An answer, or who is asked next with `msg`.
std::variant<messages::admit_reply, level_actor> decide(const parts& of,
                                                        messages::admit_request& msg) {
  const auto now = of.now();
  auto& core = of.memory->core;
  if (!of.where->may_act(now)) return unavailable(core.spec().id, msg);
  auto decision = core.admit(msg, now);
  if (auto* reply = std::get_if<messages::admit_reply>(&decision)) {
    if (reply->why == 0 && of.where->admitted) of.where->admitted(msg.hold);
    return std::move(*reply);
  }
  if (of.where->admitted) of.where->admitted(msg.hold);
  if (of.where->pass)
    if (auto reply = of.where->pass(msg, now)) return std::move(*reply);
  const auto next = msg.route.front();
  if (const auto handle = of.where->find(next)) return handle;
  return unavailable(next, msg);
}

/// The message in hand is handled by the next life, unless that has been tried often enough.
template <class Message>
bool leave_in_hand(const parts& of, Message&& msg, const std::exception& why) {
  constexpr std::uint32_t most = 5;
  auto& memory = *of.memory;
  const bool once_more = ++memory.tries < most;
  log().error("actor {} threw: {}{}", memory.core.spec().path, why.what(),
              once_more ? "" : " (again and again; its message is given up)");
  if (once_more)
    memory.door.put_first(caf::make_mailbox_element(
        of.self->current_sender(), of.self->current_message_id(),
        of.self->take_current_forwarding_stack(), std::forward<Message>(msg)));
  else
    memory.tries = 0;
  of.self->quit(caf::sec::runtime_error);
  return once_more;
}

/// `work` answers a message. If it throws, this life ends; the next one handles the message once
/// more, so `undo` takes back what `work` may have done so far. `last` answers a message that no
/// life could.
template <class Reply, class Message, class Work, class Undo, class Last>
caf::result<Reply> attempt(const parts& of, Message& msg, Work work, Undo undo, Last last) {
  try {
    of.memory->fault.pass(fault_at::before_decision);
    caf::result<Reply> reply = work();
    of.memory->tries = 0;
    return reply;
  } catch (const std::exception& why) {
    undo();
    if (!leave_in_hand(of, msg, why)) return last();
    // Dropped without an answer: that is the next life's.
    return of.self->make_response_promise<Reply>();
  }
}

/// The same for a message that is answered by nothing and may be handled twice.
template <class Message, class Work>
void attempt(const parts& of, Message& msg, Work work) {
  try {
    of.memory->fault.pass(fault_at::before_decision);
    work();
    of.memory->tries = 0;
  } catch (const std::exception& why) {
    leave_in_hand(of, msg, why);
  }
}

constexpr auto nothing_to_undo = [] {};
constexpr auto an_error = [] { return caf::make_error(caf::sec::runtime_error); };

void take_back(const parts& of, policy::hold_id hold) {
  take_back(of.memory->core, hold, of.now());
}

caf::result<messages::admit_reply> admit_once(const parts& of, messages::admit_request& msg) {
  auto& state = *of.self;
  if (of.where->may_act(of.now()) && of.memory->core.short_of_lent(msg, of.now())) {
    recall(of, true);
    constexpr std::size_t most = 10000;
    if (state.recalls > 0 && state.short_of.size() < most) {
      auto promise = of.self->make_response_promise<messages::admit_reply>();
      state.short_of.push_back({promise, std::move(msg)});
      return promise;
    }
  }
  auto next = decide(of, msg);
  of.memory->fault.pass(fault_at::after_decision);
  // A refused ticket frees a permit; a refusal by an open breaker may be the first sign of it.
  settle(of);
  if (auto* reply = std::get_if<messages::admit_reply>(&next)) return std::move(*reply);
  return of.self->delegate(std::get<level_actor>(next), std::move(msg));
}

caf::result<messages::admit_reply> admit(const parts& of, messages::admit_request& msg) {
  const admission_mark before{msg};
  return attempt<messages::admit_reply>(
      of, msg, [&] { return admit_once(of, msg); },
      [&] { before.undo(of.memory->core, msg, of.now()); },
      [&] { return unavailable(of.memory->core.spec().id, msg); });
}

/// Nothing more comes back: those that waited for it are decided.
void take_parked(const parts& of) {
  if (of.self->recalls > 0) return;
  for (auto& x : std::exchange(of.self->short_of, {})) {
    auto next = decide(of, x.msg);
    if (auto* reply = std::get_if<messages::admit_reply>(&next))
      x.promise.deliver(std::move(*reply));
    else
      x.promise.delegate(std::get<level_actor>(next), std::move(x.msg));
  }
  settle(of);
}

messages::lease_reply lend(const parts& of, const messages::claim_lease& msg) {
  auto& memory = *of.memory;
  memory.borrowers[msg.claim.tag] = of.self->current_sender();
  const auto now = of.now();
  if (!of.where->may_act(now)) {
    memory.core.returned(msg.claim, now);
    policy::lease_terms none;
    none.serial = msg.claim.serial;
    return {none};
  }
  const policy::duration grace{of.where->longest_attempt.load()};
  return {memory.core.lend(msg.claim, grace, now)};
}

messages::actor_memory hand_over(const parts& of) {
  auto& memory = *of.memory;
  auto& state = *of.self;
  auto result = memory.core.save(of.now());
  memory.core.retire();
  // Who waits here asks again, and is sent where we go.
  for (const auto& [hold, asker] : memory.waiters)
    caf::anon_send(caf::actor_cast<caf::actor>(asker), messages::turn_granted{hold});
  memory.waiters.clear();
  for (auto& x : std::exchange(state.short_of, {}))
    x.promise.deliver(unavailable(memory.core.spec().id, x.msg));
  of.self->quit();
  return result;
}

messages::wait_reply wait(const parts& of, const messages::wait_request& msg) {
  const auto now = of.now();
  if (!of.where->may_act(now)) return {static_cast<std::uint8_t>(policy::refusal::unavailable)};
  const auto reply = of.memory->core.wait(msg, now);
  if (reply.why == static_cast<std::uint8_t>(policy::refusal::saturated))
    of.memory->waiters[msg.hold] = of.self->current_sender();
  of.memory->fault.pass(fault_at::after_decision);
  recall(of, false);
  return reply;
}

/// An outcome counts once: after that only its consequences are left, and the next life sees to
/// them.
caf::result<messages::outcome_reply> report(const parts& of, messages::report_outcome& msg) {
  const auto count = [&]() -> messages::outcome_reply {
    of.memory->waiters.erase(msg.hold);
    const auto reply = of.memory->core.report(msg, of.now());
    try {
      of.memory->fault.pass(fault_at::after_decision);
      settle(of);
    } catch (const std::exception& why) {
      log().error("actor {} threw: {}", of.memory->core.spec().path, why.what());
      of.self->quit(caf::sec::runtime_error);
    }
    return reply;
  };
  return attempt<messages::outcome_reply>(of, msg, count, nothing_to_undo, [&] {
    take_back(of, msg.hold); // The permit at least.
    return messages::outcome_reply{};
  });
}

messages::actor_state look(const parts& of) {
  auto state = of.memory->core.state(of.now());
  state.restarts = of.memory->restarts;
  state.node = of.where->node;
  of.memory->fault.pass(fault_at::after_decision);
  return state;
}

/// What the last life may have left undone: waiters that have their permit and were not told.
void revive(const parts& of) {
  auto& memory = *of.memory;
  for (auto i = memory.waiters.begin(); i != memory.waiters.end();) {
    if (!memory.core.keeps(i->first)) {
      ++i;
      continue;
    }
    caf::anon_send(caf::actor_cast<caf::actor>(i->second), messages::turn_granted{i->first});
    i = memory.waiters.erase(i);
  }
  if (memory.restarts > 0) wake(of);
}

} // namespace

level_actor::behavior_type level(self_ptr self, std::shared_ptr<level_memory> memory,
                                 std::shared_ptr<const directory> where) {
  const parts of{self, std::move(memory), std::move(where)};
  revive(of);
  return {
      [=](messages::admit_request& msg) { return admit(of, msg); },
      [=](messages::wait_request& msg) {
        return attempt<messages::wait_reply>(
            of, msg, [&] { return wait(of, msg); }, [&] { take_back(of, msg.hold); }, an_error);
      },
      [=](messages::report_outcome& msg) { return report(of, msg); },
      [=](messages::get_state& msg) {
        return attempt<messages::actor_state>(
            of, msg, [&] { return look(of); }, nothing_to_undo, an_error);
      },
      [=](const messages::report_health& msg) {
        attempt(of, msg, [&] {
          of.memory->core.health(msg, of.now());
          of.memory->fault.pass(fault_at::after_decision);
        });
      },
      [=](const messages::apply_spec& msg) {
        attempt(of, msg, [&] {
          if (msg.spec)
            of.memory->core.apply(*msg.spec, of.now());
          else
            of.memory->core.retire();
          of.memory->fault.pass(fault_at::after_decision);
          settle(of);
        });
      },
      [=](messages::hand_over& msg) {
        return attempt<messages::actor_memory>(
            of, msg, [&] { return hand_over(of); }, nothing_to_undo, an_error);
      },
      [=](const messages::reconcile_holds& msg) {
        attempt(of, msg, [&] {
          of.memory->core.reconcile(msg, of.now());
          of.memory->fault.pass(fault_at::after_decision);
          settle(of);
        });
      },
      [=](messages::claim_lease& msg) {
        return attempt<messages::lease_reply>(
            of, msg,
            [&] {
              const auto reply = lend(of, msg);
              settle(of);
              return reply;
            },
            nothing_to_undo, an_error);
      },
  };
}

} // namespace echelon::actors
