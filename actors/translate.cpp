#include "actors/translate.hpp"

#include <utility>

namespace echelon::actors {

messages::admit_request to_message(const policy::ask_admission& x) {
  messages::admit_request msg;
  msg.hold = x.hold;
  msg.route = x.route;
  msg.avoid = x.avoid;
  msg.exclude = x.exclude;
  msg.closed = x.closed;
  msg.charged = x.charged;
  msg.tokens = x.tokens;
  msg.money = x.money;
  for (const auto& t : x.tickets)
    msg.tickets.push_back({t.actor, t.id});
  return msg;
}

messages::report_outcome to_message(const policy::actor_release& x) {
  return {x.actor,
          x.release.id,
          static_cast<std::uint8_t>(x.release.result),
          x.release.refund,
          x.release.tokens,
          x.release.bench.count(),
          x.member,
          0,
          false,
          x.release.money};
}

policy::admission_answer to_answer(messages::admit_reply&& x) {
  return {static_cast<policy::refusal>(x.why),
          x.by,
          x.next,
          policy::duration{x.retry_after_ns},
          std::move(x.trail),
          std::move(x.order),
          std::move(x.members)};
}

} // namespace echelon::actors
