/// State of actors on its way from node to node, and who holds what.
#pragma once

#include "messages/cluster.hpp"
#include "messages/lease.hpp"
#include "policy/memory.hpp"

#include <cstdint>
#include <vector>

namespace echelon::policy {

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, hold_memory& x) {
  auto& [id, ticket, charged, tokens, probe, epoch, age_ns] = x;
  return f(id, ticket, charged, tokens, probe, epoch, age_ns);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, spent_memory& x) {
  auto& [id, units, age_ns] = x;
  return f(id, units, age_ns);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, breaker_memory& x) {
  auto& [state, epoch, failures, probes, successes, open_for_ns, benched_for_ns] = x;
  return f(state, epoch, failures, probes, successes, open_for_ns, benched_for_ns);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, reserve_memory& x) {
  auto& [id, money] = x;
  return f(id, money);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, budget_memory& x) {
  auto& [day, today, month, holds] = x;
  return f(day, today, month, holds);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, gate_memory& x) {
  auto& [holds, rate, tokens, bucket_nano, breaker, admitted, refused, succeeded, failed, loans,
         lost, money] = x;
  return f(holds, rate, tokens, bucket_nano, breaker, admitted, refused, succeeded, failed, loans,
           lost, money);
}

} // namespace echelon::policy

namespace echelon::messages {

/// All that an actor remembers.
struct actor_memory {
  std::uint64_t actor = 0;
  policy::gate_memory gate;
  std::vector<policy::breaker_memory> members; ///< Of a pool.
  bool operator==(const actor_memory&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, actor_memory& x) {
  auto& [actor, gate, members] = x;
  return f(actor, gate, members);
}

/// Tells an actor, inside one process, to hand over its memory and to end.
struct hand_over {
  bool operator==(const hand_over&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, hand_over&) {
  return f();
}

/// Asks the owner of the view before for a placement. new owner -> old owner.
struct pull_placement {
  member from;
  std::uint64_t key = 0, epoch = 0;
  bool operator==(const pull_placement&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, pull_placement& x) {
  auto& [from, key, epoch] = x;
  return f(from, key, epoch);
}

/// Answers pull_placement, unless it is too early for an answer.
struct placement_handed {
  member from;
  std::uint64_t key = 0, epoch = 0;
  bool lost = false; ///< The asked one does not have it.
  std::vector<actor_memory> actors;
  bool operator==(const placement_handed&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, placement_handed& x) {
  auto& [from, key, epoch, lost, actors] = x;
  return f(from, key, epoch, lost, actors);
}

/// What one gateway holds at one actor, and what it started there in the last windows.
struct actor_holdings {
  std::uint64_t actor = 0;
  std::vector<std::uint64_t> holds;
  std::vector<policy::spent_memory> started; ///< `units`: LLM tokens; oldest first.
  /// Of the actor that lived here for one side of a split; else empty.
  std::vector<policy::breaker_memory> breakers;
  std::vector<policy::lease_term> terms; ///< Of its leases from now on; in `inventory` none.
  bool operator==(const actor_holdings&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, actor_holdings& x) {
  auto& [actor, holds, started, breakers, terms] = x;
  return f(actor, holds, started, breakers, terms);
}

/// All holds of one gateway, several times a second: owners drop what it has forgotten.
struct inventory {
  member from;
  std::vector<actor_holdings> actors; ///< Without `started`.
  bool operator==(const inventory&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, inventory& x) {
  auto& [from, actors] = x;
  return f(from, actors);
}

/// How many permits of an actor a gateway may have in use until it tells otherwise.
struct actor_ceiling {
  std::uint64_t actor = 0;
  std::int64_t permits = 0;
  bool operator==(const actor_ceiling&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, actor_ceiling& x) {
  auto& [actor, permits] = x;
  return f(actor, permits);
}

/// All ceilings of one gateway; those that it does not name are 0. gateway -> everyone.
struct ceilings {
  member from;
  std::uint64_t view = 0;   ///< Its id; only who lives by the same one notes them.
  std::uint64_t number = 0; ///< They grow; the newest ones count.
  std::vector<actor_ceiling> of;
  bool operator==(const ceilings&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, ceilings& x) {
  auto& [from, view, number, of] = x;
  return f(from, view, number, of);
}

/// Answers `ceilings`.
struct ceilings_noted {
  member from;
  std::uint64_t view = 0, number = 0;
  bool operator==(const ceilings_noted&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, ceilings_noted& x) {
  auto& [from, view, number] = x;
  return f(from, view, number);
}

/// What a node knows of a gateway that is no member any more, of one placement.
struct lost_gateway {
  std::uint32_t tag = 0;
  std::uint64_t number = 0; ///< Of its newest ceilings.
  std::vector<actor_ceiling> ceilings;
  bool operator==(const lost_gateway&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, lost_gateway& x) {
  auto& [tag, number, ceilings] = x;
  return f(tag, number, ceilings);
}

/// Asks a gateway what it holds and started at the actors of a placement. new owner -> everyone.
struct ask_holdings {
  member from;
  std::uint64_t key = 0;
  std::uint64_t view = 0;  ///< Its id; only who lives by the same one answers.
  std::uint64_t round = 0; ///< Questions that the asker began together; they grow.
  bool operator==(const ask_holdings&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, ask_holdings& x) {
  auto& [from, key, view, round] = x;
  return f(from, key, view, round);
}

struct tell_holdings {
  member from;
  std::uint64_t key = 0, view = 0;
  std::vector<actor_holdings> actors;
  std::vector<lost_gateway> lost; ///< Those of which it has heard something lately.
  bool operator==(const tell_holdings&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, tell_holdings& x) {
  auto& [from, key, view, actors, lost] = x;
  return f(from, key, view, actors, lost);
}

/// Tells an actor what one gateway holds there: older holds of that gateway that are not listed are
/// dropped. Without a gateway: older holds of all that are not `present` are dropped.
struct reconcile_holds {
  std::uint32_t tag = 0;            ///< 0: of no gateway.
  std::vector<std::uint64_t> holds; ///< Sorted.
  std::vector<std::uint32_t> present;
  std::int64_t grace_ns = 0;
  bool operator==(const reconcile_holds&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, reconcile_holds& x) {
  auto& [tag, holds, present, grace_ns] = x;
  return f(tag, holds, present, grace_ns);
}

} // namespace echelon::messages
