/// What one level remembers, in a form that another node can take over: times are ages.
#pragma once

#include "policy/lease_terms.hpp"
#include "policy/settings.hpp"

#include <cstdint>
#include <vector>

namespace echelon::policy {

struct hold_memory {
  std::uint64_t id = 0;
  bool ticket = false, charged = false, tokens = false, probe = false;
  std::uint64_t epoch = 0; ///< Of the breaker when it was let in.
  std::int64_t age_ns = 0;
  bool operator==(const hold_memory&) const = default;
};

/// One entry of a sliding window.
struct spent_memory {
  std::uint64_t id = 0;
  std::int64_t units = 0;
  std::int64_t age_ns = 0;
  bool operator==(const spent_memory&) const = default;
};

struct breaker_memory {
  std::uint8_t state = 0;
  std::uint64_t epoch = 0;
  std::uint32_t failures = 0, probes = 0, successes = 0;
  std::int64_t open_for_ns = 0, benched_for_ns = 0; ///< From now on.
  bool operator==(const breaker_memory&) const = default;
};

struct reserve_memory {
  std::uint64_t id = 0;
  std::int64_t money = 0; ///< Millionths.
  bool operator==(const reserve_memory&) const = default;
};

struct budget_memory {
  std::int64_t day = 0; ///< Since 1970; 0: no budget.
  std::int64_t today = 0, month = 0;
  std::vector<reserve_memory> holds;
  bool operator==(const budget_memory&) const = default;
};

struct gate_memory {
  std::vector<hold_memory> holds;
  std::vector<spent_memory> rate, tokens; ///< Oldest first.
  std::int64_t bucket_nano = -1;          ///< Billionths of a token in the bucket; -1: no bucket.
  breaker_memory breaker;
  std::int64_t admitted = 0, refused = 0, succeeded = 0, failed = 0;
  std::vector<loan_memory> loans;
  std::vector<lost_permits> lost;
  budget_memory money;
  bool operator==(const gate_memory&) const = default;
};

} // namespace echelon::policy
