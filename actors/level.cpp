#include "actors/level.hpp"

#include <caf/send.hpp>

namespace echelon::actors {
namespace {

using namespace std::chrono_literals;
using self_ptr = level_actor::stateful_pointer<level_state>;

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
    ++of.self->state.recalls;
    of.self
        ->request(caf::actor_cast<caf::actor>(i->second), recall_time,
                  messages::recall_lease{of.memory->core.spec().id})
        .then(
            [=](const messages::claim_lease& x) {
              --of.self->state.recalls;
              of.memory->core.returned(x.claim, of.now());
              settle(of);
              take_parked(of);
            },
            [=](const caf::error&) {
              --of.self->state.recalls;
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

messages::admit_reply unavailable(policy::path_id by, messages::admit_request& msg) {
  messages::admit_reply x;
  x.why = static_cast<std::uint8_t>(policy::refusal::unavailable);
  x.by = by;
  x.trail = std::move(msg.trail);
  x.order = std::move(msg.order);
  x.members = std::move(msg.members);
  return x;
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

caf::result<messages::admit_reply> admit(const parts& of, messages::admit_request& msg) {
  auto& state = of.self->state;
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
  // A refused ticket frees a permit; a refusal by an open breaker may be the first sign of it.
  settle(of);
  if (auto* reply = std::get_if<messages::admit_reply>(&next)) return std::move(*reply);
  return of.self->delegate(std::get<level_actor>(next), std::move(msg));
}

/// Nothing more comes back: those that waited for it are decided.
void take_parked(const parts& of) {
  if (of.self->state.recalls > 0) return;
  for (auto& x : std::exchange(of.self->state.short_of, {})) {
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
  auto& state = of.self->state;
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

} // namespace

level_actor::behavior_type level(self_ptr self, std::shared_ptr<level_memory> memory,
                                 std::shared_ptr<const directory> where) {
  const parts of{self, std::move(memory), std::move(where)};
  return {
      [=](messages::admit_request& msg) { return admit(of, msg); },
      [=](const messages::wait_request& msg) {
        const auto now = of.now();
        if (!of.where->may_act(now))
          return messages::wait_reply{static_cast<std::uint8_t>(policy::refusal::unavailable)};
        const auto reply = of.memory->core.wait(msg, now);
        if (reply.why == static_cast<std::uint8_t>(policy::refusal::saturated))
          of.memory->waiters[msg.hold] = self->current_sender();
        recall(of, false);
        return reply;
      },
      [=](const messages::report_outcome& msg) {
        of.memory->waiters.erase(msg.hold);
        const auto reply = of.memory->core.report(msg, of.now());
        settle(of);
        return reply;
      },
      [=](const messages::get_state&) {
        auto state = of.memory->core.state(of.now());
        state.restarts = of.memory->restarts;
        state.node = of.where->node;
        return state;
      },
      [=](const messages::report_health& msg) { of.memory->core.health(msg, of.now()); },
      [=](const messages::apply_spec& msg) {
        if (msg.spec)
          of.memory->core.apply(*msg.spec, of.now());
        else
          of.memory->core.retire();
        settle(of);
      },
      [=](const messages::hand_over&) { return hand_over(of); },
      [=](const messages::reconcile_holds& msg) {
        of.memory->core.reconcile(msg, of.now());
        settle(of);
      },
      [=](const messages::claim_lease& msg) {
        const auto reply = lend(of, msg);
        settle(of);
        return reply;
      },
  };
}

} // namespace echelon::actors
