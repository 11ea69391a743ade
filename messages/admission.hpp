/// What the dispatcher and the actors of the hierarchy say to each other.
#pragma once

#include "policy/budget.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace echelon::policy {

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, money_ask& x) {
  auto& [money, wall_ms, told_day, told_today, told_month] = x;
  return f(money, wall_ms, told_day, told_today, told_month);
}

} // namespace echelon::policy

namespace echelon::messages {

/// See policy::ticket.
struct kept_permit {
  std::uint64_t actor = 0;
  std::uint64_t hold = 0; ///< Of the wait that brought it.
  bool operator==(const kept_permit&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, kept_permit& x) {
  auto& [actor, hold] = x;
  return f(actor, hold);
}

/// Asks for admission; travels down `route` by delegation and gathers what it took on the way.
struct admit_request {
  std::uint64_t hold = 0;             ///< The request's own id; never 0.
  std::vector<std::uint64_t> route;   ///< Path ids still to pass; the receiver is the first.
  std::vector<std::uint64_t> trail;   ///< Path ids that have granted, top down.
  std::vector<std::uint64_t> avoid;   ///< Models that a tier puts last.
  std::vector<std::uint64_t> exclude; ///< Models that a tier leaves out.
  std::vector<std::uint64_t> closed;  ///< Models of the tier that are open or benched.
  std::vector<std::uint64_t> charged; ///< Path ids that this request has paid already.
  std::int64_t tokens = 0;            ///< LLM tokens to reserve; >= 0.
  std::vector<std::uint64_t> order;   ///< The tier's order of its models, once it was passed.
  std::vector<std::uint64_t> members; ///< The pool's order of its members, if it chose.
  std::uint64_t lower = 0;            ///< The tier below the last one passed; 0: none.
  std::uint32_t hops = 0;             ///< Nodes that passed it on because they did not own it.
  policy::money_ask money;            ///< To reserve where money is limited.
  std::vector<kept_permit> tickets;   ///< What the request has waited for.
  bool operator==(const admit_request&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, admit_request& x) {
  auto& [hold, route, trail, avoid, exclude, closed, charged, tokens, order, members, lower, hops,
         money, tickets] = x;
  return f(hold, route, trail, avoid, exclude, closed, charged, tokens, order, members, lower, hops,
           money, tickets);
}

/// `grant` (why = 0) or `redirect`: who refused, why, and whom to try next.
struct admit_reply {
  std::uint8_t why = 0;               ///< policy::refusal.
  std::uint64_t by = 0;               ///< The model that granted, or who refused.
  std::uint64_t next = 0;             ///< Sibling or lower tier to try next; 0: none.
  std::int64_t retry_after_ns = 0;    ///< With a refusal: when it could succeed; 0: not known.
  std::vector<std::uint64_t> trail;   ///< Who holds something now.
  std::vector<std::uint64_t> order;   ///< See admit_request.
  std::vector<std::uint64_t> members; ///< See admit_request.
  bool operator==(const admit_reply&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, admit_reply& x) {
  auto& [why, by, next, retry_after_ns, trail, order, members] = x;
  return f(why, by, next, retry_after_ns, trail, order, members);
}

/// Asks for the next free permit of one actor.
struct wait_request {
  std::uint64_t actor = 0; ///< Whom it is for.
  std::uint64_t hold = 0;
  std::uint8_t priority = 5;     ///< 0 goes first, 9 last.
  std::int64_t remaining_ns = 0; ///< Waits no longer than this from now.
  std::int64_t waited_ns = 0;    ///< Has waited so long already, elsewhere.
  bool operator==(const wait_request&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, wait_request& x) {
  auto& [actor, hold, priority, remaining_ns, waited_ns] = x;
  return f(actor, hold, priority, remaining_ns, waited_ns);
}

/// none: the permit is kept for the asker. saturated: it waits now, turn_granted follows.
struct wait_reply {
  std::uint8_t why = 0; ///< policy::refusal.
  bool operator==(const wait_reply&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, wait_reply& x) {
  auto& [why] = x;
  return f(why);
}

/// Announces to a waiter that a permit is kept for it.
struct turn_granted {
  std::uint64_t hold = 0;
  bool operator==(const turn_granted&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, turn_granted& x) {
  auto& [hold] = x;
  return f(hold);
}

/// Ends a hold, a kept permit or a wait, and reports how it went.
struct report_outcome {
  std::uint64_t actor = 0; ///< Whom it is for.
  std::uint64_t hold = 0;
  std::uint8_t result = 0;   ///< policy::outcome.
  bool refund = false;       ///< The attempt never started.
  std::int64_t tokens = -1;  ///< LLM tokens really used; -1: not known.
  std::int64_t bench_ns = 0; ///< > 0: let nobody in for so long.
  std::uint64_t member = 0;  ///< At a pool or tier: whose outcome it is; 0: nobody's.
  std::uint64_t lent = 0;    ///< It was let in by a lease: the breaker's epoch then, plus 1.
  bool cleared = false;      ///< Something succeeded by the same lease before it.
  std::int64_t money = -1;   ///< Really spent, in millionths; -1: not known.
  bool operator==(const report_outcome&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, report_outcome& x) {
  auto& [actor, hold, result, refund, tokens, bench_ns, member, lent, cleared, money] = x;
  return f(actor, hold, result, refund, tokens, bench_ns, member, lent, cleared, money);
}

/// Answers report_outcome.
struct outcome_reply {
  std::int64_t closed_for_ns = 0; ///< The actor refuses for so long from now on; 0: it does not.
  bool operator==(const outcome_reply&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, outcome_reply& x) {
  auto& [closed_for_ns] = x;
  return f(closed_for_ns);
}

/// What an active health check found. A pool takes its member back or keeps it out; every other
/// actor lets a request through as a probe if the check went well.
struct report_health {
  std::uint64_t actor = 0;  ///< Whom it is for.
  std::uint64_t member = 0; ///< At a pool.
  bool healthy = false;
  bool operator==(const report_health&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, report_health& x) {
  auto& [actor, member, healthy] = x;
  return f(actor, member, healthy);
}

/// Asks an actor for its state.
struct get_state {
  std::uint64_t actor = 0; ///< Whom it is for.
  bool operator==(const get_state&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, get_state& x) {
  auto& [actor] = x;
  return f(actor);
}

/// One member of a pool, as the pool sees it.
struct member_state {
  std::uint64_t id = 0;
  bool ejected = false;
  bool operator==(const member_state&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, member_state& x) {
  auto& [id, ejected] = x;
  return f(id, ejected);
}

/// What one gateway has of an actor's budget, as last told.
struct loan_state {
  std::string node;
  std::int64_t permits = 0; ///< Lent, in use or not.
  std::int64_t in_use = 0;
  std::int64_t units = 0;  ///< Rate units that are lent and not used.
  std::int64_t tokens = 0; ///< LLM tokens that are lent and not used, reserved or not.
  bool operator==(const loan_state&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, loan_state& x) {
  auto& [node, permits, in_use, units, tokens] = x;
  return f(node, permits, in_use, units, tokens);
}

/// State of one actor; -1 where something is not limited.
struct actor_state {
  std::string path;
  std::string level;
  std::string node; ///< Cluster node that runs it.
  std::int64_t permits_used = 0, permits_limit = -1;
  std::int64_t waiting = 0, queue_size = 0;
  std::int64_t rate_available = -1, rate_limit = -1;
  std::int64_t tokens_used = -1, tokens_limit = -1;
  /// Money, in millionths; limits of 0: none; all 0: no budget.
  std::int64_t spent_today = 0, spent_month = 0, reserved = 0, daily_budget = 0, monthly_budget = 0;
  std::string breaker; ///< closed, open, half_open.
  std::int64_t failures = 0;
  std::int64_t closed_for_ns = 0;
  bool benched = false;
  std::int64_t admitted = 0, refused = 0, succeeded = 0, failed = 0;
  std::uint32_t restarts = 0;
  std::vector<member_state> members; ///< Of a pool.
  std::vector<loan_state> loans;
  bool operator==(const actor_state&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, actor_state& x) {
  auto& [path, level, node, permits_used, permits_limit, waiting, queue_size, rate_available,
         rate_limit, tokens_used, tokens_limit, spent_today, spent_month, reserved, daily_budget,
         monthly_budget, breaker, failures, closed_for_ns, benched, admitted, refused, succeeded,
         failed, restarts, members, loans] = x;
  return f(path, level, node, permits_used, permits_limit, waiting, queue_size, rate_available,
           rate_limit, tokens_used, tokens_limit, spent_today, spent_month, reserved, daily_budget,
           monthly_budget, breaker, failures, closed_for_ns, benched, admitted, refused, succeeded,
           failed, restarts, members, loans);
}

} // namespace echelon::messages
