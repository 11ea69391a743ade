/// What one gateway may start at one actor of another node without asking it.
#pragma once

#include "policy/breaker.hpp"
#include "policy/lease_terms.hpp"
#include "policy/limiter.hpp"

#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

namespace echelon::policy {

/// The borrower's side of a lease. Nothing is started but by take(); everything given up is given
/// up before the claim that says so is sent.
class lease_account {
public:
  explicit lease_account(time_point now);

  /// Whether one more may start. Notes that somebody wanted it.
  [[nodiscard]] bool may_take(bool charge, time_point now, std::int64_t tokens = 0);
  /// Starts it, and reserves LLM tokens for it. Only after may_take() said yes, with the same
  /// arguments.
  void take(hold_id id, bool charge, time_point now, std::int64_t tokens = 0);
  [[nodiscard]] bool holds(hold_id id) const { return holds_.count(id) != 0; }
  /// Ends a hold. `tokens`: really used; -1: as reserved. @returns The breaker's epoch with which
  /// it was let in; nothing: unknown.
  std::optional<std::uint64_t> release(hold_id id, bool refund, bool success, time_point now,
                                       std::int64_t tokens = -1);
  /// A member answered well; for pools and tiers.
  void member_well(std::uint64_t member);
  /// Whether a success (of this member; 0: any) is still untold. It counts as told from now on.
  [[nodiscard]] bool take_cleared(std::uint64_t member);

  /// Whether a claim should go out now. `ending`: everything is to go back.
  [[nodiscard]] bool due(time_point now, bool ending = false) const;
  /// What it has, on its way to the lender. Earlier claims are void: their answers are not taken.
  /// `ending`: gives up all that is not in use, and names even the newest starts, which cannot be
  /// refunded then.
  [[nodiscard]] lease_claim claim(time_point now, bool ending = false);
  /// Answers a recall: gives up all that is not in use.
  [[nodiscard]] lease_claim give_back(time_point now);
  void accept(const lease_terms& x, time_point now);
  void missed(std::uint64_t serial, time_point now);
  /// Holds that began before `before` and are not in `known`, which is sorted.
  [[nodiscard]] std::vector<hold_id> unknown(const std::vector<hold_id>& known,
                                             time_point before) const;
  /// Drops everything. What was held is none of this account's any more. @returns Its ids.
  std::vector<hold_id> drop(time_point now);

  /// Claims and their answers from before it are void.
  [[nodiscard]] std::uint64_t term() const { return term_; }
  [[nodiscard]] bool open(time_point now) const { return open_ && now < valid_until_; }
  /// Nothing is held, lent or to be told.
  [[nodiscard]] bool empty() const;
  /// Nothing is held or lent, and who has lent it knows, or takes it for lost by now.
  [[nodiscard]] bool over(time_point now) const;
  [[nodiscard]] std::int64_t idle() const { return idle_; }
  [[nodiscard]] std::int64_t idle_tokens() const { return idle_tokens_; }
  [[nodiscard]] std::int64_t permits() const { return permits_; }
  [[nodiscard]] std::int64_t in_use() const { return static_cast<std::int64_t>(holds_.size()); }

  /// It may start so long after it sent the claim that was answered.
  static constexpr duration life = std::chrono::seconds{2};
  /// Claims while it has something.
  static constexpr duration heartbeat = std::chrono::milliseconds{500};
  /// Starts younger than this may still be refunded and are not told.
  static constexpr duration settling = std::chrono::milliseconds{300};
  /// Without demand for so long all goes back.
  static constexpr duration patience = std::chrono::seconds{5};

private:
  struct hold {
    std::uint64_t epoch = 0;
    std::uint64_t number = 0; // Of its start; 0: not charged.
    time_point at{};
    std::int64_t tokens = 0; // Reserved.
  };
  struct start {
    std::uint64_t number = 0;
    time_point at{};
    std::int64_t units = 1, used = 1;
  };
  void adapt(time_point now);
  [[nodiscard]] bool spare() const;
  void trim(time_point now);
  void mature(time_point now, duration age);
  [[nodiscard]] lease_claim build(time_point now);
  [[nodiscard]] std::int64_t want_units() const { return demand_ + 2; }
  [[nodiscard]] std::int64_t want_permits() const { return peak_ + peak_ / 4 + 1; }
  [[nodiscard]] std::int64_t want_tokens() const { return token_demand_ + 2 * largest_; }

  std::uint64_t term_, serial_ = 0;
  bool open_ = false, counts_permits_ = false, counts_units_ = false, counts_tokens_ = false;
  std::uint64_t epoch_ = 0;
  time_point valid_until_{};
  std::int64_t idle_ = 0, permits_ = 0;
  std::int64_t idle_tokens_ = 0, reserved_ = 0;
  std::unordered_map<hold_id, hold> holds_;
  std::deque<start> pending_;     // Started and not told; by number.
  std::deque<start> told_;        // Told and not acknowledged.
  std::deque<start> ended_calls_; // That had reserved tokens: told and not acknowledged.
  std::size_t ended_told_ = 0;    // The first of them are in the last claim.
  std::uint64_t number_ = 0, ended_number_ = 0;
  std::int64_t admitted_ = 0, succeeded_ = 0;
  bool cleared_ = false, told_cleared_ = false;
  std::vector<std::uint64_t> well_, told_well_;

  // The claim that waits for its answer.
  bool asked_ = false;
  bool settled_ = true; // The lender has answered the last claim.
  time_point sent_{};
  bool gives_back_ = false; // What ends from now on goes back at once.
  bool ended_ = false;      // Something did.
  duration gap_{std::chrono::milliseconds{20}};
  time_point not_before_{};

  // Demand.
  bool dry_ = false; // Somebody was sent on since the last claim.
  std::int64_t tried_ = 0, turned_away_ = 0, top_ = 0;
  std::int64_t demand_ = 0; // Units wanted a second.
  std::int64_t peak_ = 0;   // Permits wanted at once.
  std::int64_t tokens_tried_ = 0, token_demand_ = 0, largest_ = 0;
  time_point adapted_{}, wanted_{};
};

} // namespace echelon::policy
