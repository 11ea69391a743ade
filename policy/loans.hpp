/// What an actor has lent to the gateways of other nodes: the lender's side of leases.
#pragma once

#include "policy/lease_terms.hpp"
#include "policy/settings.hpp"

#include <cstdint>
#include <map>
#include <vector>

namespace echelon::policy {

/// One borrower, as the lender knows it: it never has more.
struct loan {
  std::string node;
  std::uint64_t term = 0, serial = 0;
  std::uint64_t seen = 0;  ///< Starts up to this number are counted.
  bool open = false;       ///< It may start something without asking.
  std::int64_t units = 0;  ///< Lent and not told as used.
  std::int64_t idle = 0;   ///< Of these, what is not used, as far as is known.
  std::int64_t tokens = 0; ///< LLM tokens that are lent, reserved by a call or not.
  std::int64_t idle_tokens = 0;
  std::uint64_t tokens_seen = 0; ///< As `seen`, of calls that had reserved tokens.
  std::int64_t permits = 0;      ///< Lent, or where they are not limited, in use.
  bool limited = false;          ///< Permits are.
  std::int64_t in_use = 0;       ///< As told.
  std::int64_t admitted = 0;     ///< Total of this term.
  std::int64_t succeeded = 0;
  time_point heard{};
  time_point recalled{}; ///< When it was last asked to give back.
};

/// What a claim has brought.
struct claimed {
  bool valid = false; ///< False: it is late, or of a life that has ended.
  bool lost = false;  ///< The borrower claims what it was taken for dead with.
  std::vector<lease_start> used;
  std::int64_t returned = 0;      ///< Units that came back.
  std::vector<lease_start> ended; ///< Calls that had reserved tokens.
  std::int64_t tokens_returned = 0;
  std::int64_t admitted = 0, succeeded = 0;
};

/// What the lender limits.
struct counted {
  bool permits = false, units = false, tokens = false;
};

struct lost_loans {
  std::int64_t units = 0, tokens = 0;
};

class loan_book {
public:
  /// Takes what a borrower says that it has. `lost` grows by what an earlier life of it had.
  claimed take(const lease_claim& x, counted what, duration grace, time_point now,
               lost_loans& lost);
  /// Takes no claim of a term before this one: such a claim is late, and its answer would be lost.
  void expect(const lease_term& x, time_point now);
  /// A borrower that was not heard for `silence` has stopped. @returns What counts as used now; its
  /// permits are kept for `grace`.
  [[nodiscard]] lost_loans expire(duration grace, time_point now);
  /// Borrowers that still have something which they could give back, and that were not asked in
  /// the last moments; they count as asked now.
  [[nodiscard]] std::vector<std::uint32_t> recall(time_point now);

  [[nodiscard]] loan* find(std::uint32_t tag);
  [[nodiscard]] const std::map<std::uint32_t, loan>& all() const { return loans_; }
  [[nodiscard]] std::int64_t units() const;
  [[nodiscard]] std::int64_t idle_units() const;
  [[nodiscard]] std::int64_t tokens() const;
  [[nodiscard]] std::int64_t idle_tokens() const;
  [[nodiscard]] std::int64_t permits() const;      ///< Lent and lost ones.
  [[nodiscard]] std::int64_t idle_permits() const; ///< Lent and not in use, as far as is known.
  [[nodiscard]] std::int64_t in_use() const;       ///< In use, as told, and lost ones.
  [[nodiscard]] bool any_open() const;
  [[nodiscard]] bool empty() const;
  [[nodiscard]] std::vector<loan_memory> save(time_point now) const;
  [[nodiscard]] std::vector<lost_permits> save_lost(time_point now) const;
  void load(const std::vector<loan_memory>& loans, const std::vector<lost_permits>& lost,
            time_point now);

  /// Longer than a lease lives after its claim was sent (lease_account::life), by a half.
  static constexpr duration silence = std::chrono::seconds{3};

private:
  struct ghost {
    std::int64_t permits = 0;
    time_point until{};
  };
  void lose(const loan& x, duration grace, time_point now, lost_loans& lost);

  std::map<std::uint32_t, loan> loans_; // By tag of the gateway.
  std::vector<ghost> lost_;
};

} // namespace echelon::policy
