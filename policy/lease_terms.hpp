/// What the borrower of a lease and its lender tell each other. See docs/decisions/0009.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace echelon::policy {

/// What a borrower has used, up to one moment.
struct lease_start {
  std::uint64_t number = 0; ///< Of the last one; the lender counts each number once.
  std::int64_t units = 0;   ///< That were lent for it.
  std::int64_t used = 0;    ///< The same of rate units; of tokens what was really used.
  std::int64_t age_ns = 0;  ///< Since the last of them.
  bool operator==(const lease_start&) const = default;
};

/// All that a borrower has of one actor's budget. What the lender knows and this does not name has
/// come back, or never arrived.
struct lease_claim {
  std::uint32_t tag = 0;    ///< Of its gateway.
  std::string node;         ///< Its name.
  std::uint64_t term = 0;   ///< Grows when the borrower drops all that it had.
  std::uint64_t serial = 0; ///< Grows with each claim.
  bool open = false;        ///< It may start something without asking.
  /// Whether its lease limits these.
  bool counts_permits = false, counts_units = false, counts_tokens = false;
  std::int64_t idle = 0;    ///< Rate units that are not used.
  std::int64_t pending = 0; ///< Rate units that are used and named in no `starts` yet.
  std::int64_t permits = 0, in_use = 0;
  std::int64_t want_units = 0, want_permits = 0; ///< What it would like to have in all.
  std::vector<lease_start> starts;               ///< By number. Named until an answer comes.
  std::int64_t idle_tokens = 0;                  ///< LLM tokens that no call has reserved.
  std::int64_t reserved_tokens = 0;              ///< By calls that have not ended.
  std::int64_t want_tokens = 0;
  std::vector<lease_start> ended;           ///< Calls that had reserved tokens, as `starts`.
  std::int64_t admitted = 0, succeeded = 0; ///< Totals of this term.
  std::uint64_t epoch = 0;                  ///< Of the breaker, as last told.
  bool cleared = false;                     ///< Something succeeded since the last answer.
  std::vector<std::uint64_t> well;          ///< Members that succeeded since then.
  bool operator==(const lease_claim&) const = default;
};

/// The lender's answer.
struct lease_terms {
  std::uint64_t serial = 0; ///< Of the claim; the borrower takes no other answer.
  bool open = false;        ///< It may start, for a while after it sent the claim.
  bool lost = false;        ///< It claims what it was taken for dead with: all of it is void.
  bool counts_permits = false, counts_units = false, counts_tokens = false;
  std::int64_t units = 0;   ///< Added to what it claimed.
  std::int64_t tokens = 0;  ///< Added to what it claimed.
  std::int64_t permits = 0; ///< In all.
  std::uint64_t epoch = 0;  ///< Of the breaker.
  bool operator==(const lease_terms&) const = default;
};

/// One loan on its way to another lender.
struct loan_memory {
  std::uint32_t tag = 0;
  std::string node;
  std::uint64_t term = 0, serial = 0, seen = 0;
  bool open = false, limited = false;
  std::int64_t units = 0, idle = 0, permits = 0, in_use = 0, admitted = 0, succeeded = 0;
  std::int64_t tokens = 0, idle_tokens = 0;
  std::uint64_t tokens_seen = 0;
  std::int64_t heard_age_ns = 0;
  bool operator==(const loan_memory&) const = default;
};

/// What a borrower says of the past: it claims nothing by terms before this one any more.
struct lease_term {
  std::uint32_t tag = 0;
  std::uint64_t term = 0;
  bool operator==(const lease_term&) const = default;
};

/// Permits of a borrower that was lost.
struct lost_permits {
  std::int64_t permits = 0;
  std::int64_t kept_for_ns = 0; ///< From now on.
  bool operator==(const lost_permits&) const = default;
};

} // namespace echelon::policy
