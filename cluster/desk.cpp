#include "cluster/desk.hpp"

#include "policy/gate.hpp"

#include <caf/send.hpp>

namespace echelon::cluster {
namespace {

using namespace std::chrono_literals;
using actors::level_actor;
using self_ptr = level_actor::stateful_pointer<desk_state>;

constexpr std::size_t most_waiting = 10000;
constexpr auto longest_wait = 4s;
constexpr std::uint32_t most_hops = 3;

messages::admit_reply nobody(const messages::admit_request& msg) {
  messages::admit_reply x;
  x.why = static_cast<std::uint8_t>(policy::refusal::unavailable);
  x.by = msg.route.empty() ? 0 : msg.route.front();
  x.trail = msg.trail;
  x.order = msg.order;
  x.members = msg.members;
  return x;
}

messages::wait_reply nobody(const messages::wait_request&) {
  return {static_cast<std::uint8_t>(policy::refusal::unavailable)};
}

messages::outcome_reply nobody(const messages::report_outcome&) {
  return {};
}

caf::error nobody(const messages::claim_lease&) {
  return caf::make_error(caf::sec::runtime_error, "nobody lends here");
}

caf::error nobody(const messages::get_state&) {
  return caf::make_error(caf::sec::runtime_error, "no such actor here");
}

struct office_map {
  std::shared_ptr<const actors::directory> where;
  std::shared_ptr<const board> map;
};

/// Passes a request on, lets it wait, or answers it.
template <class Reply, class Message>
caf::result<Reply> pass_on(self_ptr self, const office_map& of, policy::path_id actor, Message& msg,
                           bool far) {
  if (const auto here = of.where->local(actor)) return self->delegate(here, std::move(msg));
  const auto way = of.map->to(actor);
  if (way.own && self->state.waiting.size() < most_waiting) {
    auto promise = self->template make_response_promise<Reply>();
    auto kept = std::make_shared<Message>(std::move(msg));
    self->state.waiting.push_back({actor,
                                   [promise, kept](const level_actor& to) mutable {
                                     if (to)
                                       promise.delegate(to, std::move(*kept));
                                     else
                                       promise.deliver(nobody(*kept));
                                   },
                                   self->clock().now() + longest_wait});
    return promise;
  }
  if (!way.own && way.desk && !far) return self->delegate(way.desk, std::move(msg));
  return nobody(msg);
}

/// Those that wait for actors that have come, go; those that waited too long are told.
void look_around(self_ptr self, const office_map& of) {
  std::deque<desk_state::parked> rest;
  for (auto& x : self->state.waiting) {
    if (const auto here = of.where->local(x.actor)) {
      x.go(here);
    } else if (const auto way = of.map->to(x.actor); !way.own || self->clock().now() >= x.until) {
      x.go(way.own ? level_actor{} : way.desk);
    } else {
      rest.push_back(std::move(x));
    }
  }
  self->state.waiting = std::move(rest);
}

} // namespace

level_actor::behavior_type desk(self_ptr self, std::shared_ptr<const actors::directory> where,
                                std::shared_ptr<const board> map) {
  const office_map of{std::move(where), std::move(map)};
  return {
      [=](messages::admit_request& msg) {
        const auto actor = msg.route.empty() ? 0 : msg.route.front();
        return pass_on<messages::admit_reply>(self, of, actor, msg, ++msg.hops > most_hops);
      },
      [=](messages::wait_request& msg) {
        return pass_on<messages::wait_reply>(self, of, msg.actor, msg, false);
      },
      [=](messages::report_outcome& msg) {
        return pass_on<messages::outcome_reply>(self, of, msg.actor, msg, false);
      },
      [=](messages::get_state& msg) {
        return pass_on<messages::actor_state>(self, of, msg.actor, msg, false);
      },
      [=](const messages::report_health& msg) {
        if (const auto here = of.where->local(msg.actor)) self->send(here, msg);
      },
      [=](const messages::apply_spec&) { look_around(self, of); },
      [=](const messages::hand_over&) -> caf::result<messages::actor_memory> {
        return caf::make_error(caf::sec::runtime_error, "a desk has no memory");
      },
      [=](const messages::reconcile_holds&) {},
      [=](messages::claim_lease& msg) {
        // Not from node to node: they come again and again, and two nodes that take each other for
        // the owner would hand on ever more of them.
        return pass_on<messages::lease_reply>(self, of, msg.actor, msg, true);
      },
  };
}

} // namespace echelon::cluster
