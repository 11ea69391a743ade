#include "actors/level.hpp"

#include <caf/send.hpp>

namespace echelon::actors {
namespace {

using self_ptr = level_actor::stateful_pointer<level_state>;

/// Tells waiters whose turn has come.
void wake(self_ptr self, level_memory& memory) {
  for (const auto hold : memory.core.woken(self->clock().now())) {
    const auto i = memory.waiters.find(hold);
    if (i == memory.waiters.end()) continue;
    const auto asker = caf::actor_cast<caf::actor>(i->second);
    memory.waiters.erase(i);
    caf::anon_send(asker, messages::turn_granted{hold});
  }
}

caf::result<messages::admit_reply> admit(self_ptr self, level_memory& memory,
                                         const directory& where, messages::admit_request& msg) {
  const auto now = self->clock().now();
  if (!where.may_act(now)) {
    messages::admit_reply fenced;
    fenced.why = static_cast<std::uint8_t>(policy::refusal::unavailable);
    fenced.by = memory.core.spec().id;
    fenced.trail = std::move(msg.trail);
    return fenced;
  }
  auto decision = memory.core.admit(msg, now);
  // A refused ticket frees a permit.
  wake(self, memory);
  if (auto* reply = std::get_if<messages::admit_reply>(&decision)) return std::move(*reply);
  const auto next = std::get<forward_to>(decision).next;
  const auto handle = where.find(next);
  if (handle) return self->delegate(handle, std::move(msg));
  messages::admit_reply gone;
  gone.why = static_cast<std::uint8_t>(policy::refusal::unavailable);
  gone.by = next;
  gone.trail = std::move(msg.trail);
  gone.order = std::move(msg.order);
  gone.members = std::move(msg.members);
  return gone;
}

} // namespace

level_actor::behavior_type level(self_ptr self, std::shared_ptr<level_memory> memory,
                                 std::shared_ptr<const directory> where) {
  return {
      [=](messages::admit_request& msg) { return admit(self, *memory, *where, msg); },
      [=](const messages::wait_request& msg) {
        const auto now = self->clock().now();
        if (!where->may_act(now))
          return messages::wait_reply{static_cast<std::uint8_t>(policy::refusal::unavailable)};
        const auto reply = memory->core.wait(msg, now);
        if (reply.why == static_cast<std::uint8_t>(policy::refusal::saturated))
          memory->waiters[msg.hold] = self->current_sender();
        return reply;
      },
      [=](const messages::report_outcome& msg) {
        memory->waiters.erase(msg.hold);
        const auto now = self->clock().now();
        const auto reply = memory->core.report(msg, now);
        wake(self, *memory);
        if (memory->core.finished(now)) self->quit();
        return reply;
      },
      [=](const messages::get_state&) {
        auto state = memory->core.state(self->clock().now());
        state.restarts = memory->restarts;
        state.node = where->node;
        return state;
      },
      [=](const messages::report_health& msg) { memory->core.health(msg, self->clock().now()); },
      [=](const messages::apply_spec& msg) {
        const auto now = self->clock().now();
        if (msg.spec) {
          memory->core.apply(*msg.spec, now);
        } else {
          memory->core.retire();
        }
        wake(self, *memory);
        if (memory->core.finished(now)) self->quit();
      },
      [=](const messages::hand_over&) {
        auto state = memory->core.save(self->clock().now());
        memory->core.retire();
        // Who waits here asks again, and is sent where we go.
        for (const auto& [hold, asker] : memory->waiters)
          caf::anon_send(caf::actor_cast<caf::actor>(asker), messages::turn_granted{hold});
        memory->waiters.clear();
        self->quit();
        return state;
      },
      [=](const messages::reconcile_holds& msg) {
        memory->core.reconcile(msg, self->clock().now());
        wake(self, *memory);
      },
  };
}

} // namespace echelon::actors
