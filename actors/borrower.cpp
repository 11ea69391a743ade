#include "actors/borrower.hpp"

namespace echelon::actors {
namespace {

using namespace std::chrono_literals;

constexpr auto round_interval = 50ms;
constexpr auto answer_time = 1s;

void send_due(caf::stateful_actor<borrower_state>* self, const std::shared_ptr<branches>& of,
              const directory& where) {
  for (auto& x : of->due(self->clock().now())) {
    const auto id = x.actor;
    const auto serial = x.claim.serial;
    const auto to = where.find(id);
    if (!to) {
      of->missed(id, serial, self->clock().now());
      continue;
    }
    self->request(to, answer_time, std::move(x))
        .then(
            [=](const messages::lease_reply& reply) {
              of->accept(id, reply.terms, self->clock().now());
            },
            [=](const caf::error&) { of->missed(id, serial, self->clock().now()); });
  }
}

} // namespace

caf::behavior borrower(caf::stateful_actor<borrower_state>* self, std::shared_ptr<branches> of,
                       std::shared_ptr<const directory> where) {
  self->delayed_send(self, round_interval, round_atom::value);
  return {
      [=](due_atom) { send_due(self, of, *where); },
      [=](round_atom) {
        self->delayed_send(self, round_interval, round_atom::value);
        send_due(self, of, *where);
      },
      [=](const messages::recall_lease& x) { return of->recall(x.actor, self->clock().now()); },
  };
}

} // namespace echelon::actors
