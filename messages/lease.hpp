/// Leases between the gateways of one node and the actors of another.
#pragma once

#include "policy/lease_terms.hpp"

#include <cstdint>

namespace echelon::policy {

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, lease_start& x) {
  auto& [number, units, used, age_ns] = x;
  return f(number, units, used, age_ns);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, lease_claim& x) {
  auto& [tag, node, term, serial, open, counts_permits, counts_units, counts_tokens, idle, pending,
         permits, in_use, want_units, want_permits, starts, idle_tokens, reserved_tokens,
         want_tokens, ended, admitted, succeeded, epoch, cleared, well] = x;
  return f(tag, node, term, serial, open, counts_permits, counts_units, counts_tokens, idle,
           pending, permits, in_use, want_units, want_permits, starts, idle_tokens, reserved_tokens,
           want_tokens, ended, admitted, succeeded, epoch, cleared, well);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, lease_terms& x) {
  auto& [serial, open, lost, counts_permits, counts_units, counts_tokens, units, tokens, permits,
         epoch] = x;
  return f(serial, open, lost, counts_permits, counts_units, counts_tokens, units, tokens, permits,
           epoch);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, loan_memory& x) {
  auto& [tag, node, term, serial, seen, open, limited, units, idle, permits, in_use, admitted,
         succeeded, tokens, idle_tokens, tokens_seen, heard_age_ns] = x;
  return f(tag, node, term, serial, seen, open, limited, units, idle, permits, in_use, admitted,
           succeeded, tokens, idle_tokens, tokens_seen, heard_age_ns);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, lease_term& x) {
  auto& [tag, term] = x;
  return f(tag, term);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, lost_permits& x) {
  auto& [permits, kept_for_ns] = x;
  return f(permits, kept_for_ns);
}

} // namespace echelon::policy

namespace echelon::messages {

/// Says what a borrower has, and asks for more. borrower -> actor; also answers recall_lease.
struct claim_lease {
  std::uint64_t actor = 0; ///< Whom it is for.
  policy::lease_claim claim;
  bool operator==(const claim_lease&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, claim_lease& x) {
  auto& [actor, claim] = x;
  return f(actor, claim);
}

/// Answers claim_lease.
struct lease_reply {
  policy::lease_terms terms;
  bool operator==(const lease_reply&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, lease_reply& x) {
  auto& [terms] = x;
  return f(terms);
}

/// Asks a borrower to give back what it does not use. actor -> borrower.
struct recall_lease {
  std::uint64_t actor = 0; ///< Who asks.
  bool operator==(const recall_lease&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, recall_lease& x) {
  auto& [actor] = x;
  return f(actor);
}

} // namespace echelon::messages
