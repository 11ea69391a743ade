/// Rate limiters in integers on a monotonic clock.
#pragma once

#include "policy/memory.hpp"
#include "policy/settings.hpp"

#include <cstdint>
#include <deque>
#include <vector>

namespace echelon::policy {

/// Names what one attempt holds at every level; unique for the life of the router.
using hold_id = std::uint64_t;

/// Token bucket. Credit is counted in 1e-15 tokens, so that no fraction is ever lost.
class token_bucket {
public:
  explicit token_bucket(token_bucket_settings settings, time_point now);

  /// Takes one token. @returns Zero if taken, else how long until one is there.
  [[nodiscard]] duration try_take(time_point now);
  /// Gives one token back, never above the bucket's size.
  void refund();
  /// Changes the settings; what is in the bucket stays, up to the new size.
  void apply(token_bucket_settings settings, time_point now);
  /// Whole tokens at `now`.
  [[nodiscard]] std::int64_t available(time_point now) const;
  [[nodiscard]] std::int64_t limit() const { return settings_.bucket_size; }
  // Lent tokens stay in the bucket, set apart: together they never pass its size.
  void lend(std::int64_t tokens, time_point now);
  void take_back(std::int64_t tokens, time_point now);
  void spend_lent(std::int64_t tokens, time_point now);
  void set_lent(std::int64_t tokens, time_point now);
  /// Billionths of a token, rounded down.
  [[nodiscard]] std::int64_t save(time_point now) const;
  void load(std::int64_t nano, time_point now);

private:
  __extension__ using credit = unsigned __int128;
  [[nodiscard]] credit full() const;
  [[nodiscard]] credit credit_at(time_point now) const;

  token_bucket_settings settings_;
  std::int64_t lent_ = 0;
  credit credit_;
  time_point updated_;
};

/// Exact sliding window: in no window of the set length are more than `max_units` units taken.
/// Two events exactly one window apart are in the same (closed) window.
class sliding_window {
public:
  explicit sliding_window(sliding_window_settings settings) : settings_(settings) {}

  /// Takes `units` (>= 1) for `id`. More than the limit are let through only when the window is
  /// empty, so that one oversized request is late rather than impossible.
  /// @returns Zero if taken, else how long until the same call could succeed.
  [[nodiscard]] duration try_take(hold_id id, std::int64_t units, time_point now);
  /// Takes back all that `id` took, as if it had not happened.
  void refund(hold_id id);
  /// Replaces the units of `id` by what was really used; zero or more.
  void settle(hold_id id, std::int64_t units);
  void apply(sliding_window_settings settings) { settings_ = settings; }
  [[nodiscard]] std::int64_t used(time_point now) const;
  // Lent units count as taken just now, for as long as they are lent.
  void lend(std::int64_t units) { lent_ += units; }
  void take_back(std::int64_t units) { lent_ -= units; }
  void set_lent(std::int64_t units) { lent_ = units; }
  /// `units` of them are lent no more; `used` were taken at `at` or before, and count from then on.
  void spend_lent(std::int64_t units, std::int64_t used, time_point at);
  [[nodiscard]] std::int64_t limit() const { return settings_.max_units; }
  [[nodiscard]] std::vector<spent_memory> save(time_point now) const;
  void load(const std::vector<spent_memory>& x, time_point now);
  /// Counts `known`, and everything else up to the limit as taken at `now`.
  void spend(std::vector<spent_memory> known, time_point now);

private:
  struct entry {
    time_point at;
    hold_id id;
    std::int64_t units;
  };
  void expire(time_point now);

  sliding_window_settings settings_;
  std::deque<entry> entries_; // Oldest first.
  std::int64_t used_ = 0;     // By entries.
  std::int64_t lent_ = 0;
};

/// Either limiter behind one face, in requests.
class rate_limiter {
public:
  rate_limiter(const rate_settings& settings, time_point now);
  [[nodiscard]] duration try_take(hold_id id, time_point now);
  void refund(hold_id id);
  /// Keeps what was counted when the algorithm stays the same; another algorithm starts afresh, as
  /// spent: a token bucket empty.
  void apply(const rate_settings& settings, time_point now);
  [[nodiscard]] std::int64_t available(time_point now) const;
  [[nodiscard]] std::int64_t limit() const;
  /// Sets units apart for a borrower; no more than are available.
  void lend(std::int64_t units, time_point now);
  /// They come back unused.
  void take_back(std::int64_t units, time_point now);
  /// They were used, at `at` at the latest.
  void spend_lent(std::int64_t units, time_point at, time_point now);
  /// All that is lent, after load() or where another algorithm took over.
  void set_lent(std::int64_t units, time_point now);
  void save(gate_memory& to, time_point now) const;
  void load(const gate_memory& x, time_point now);
  /// Whatever is not known to be left counts as spent: a window keeps `known` and fills up at
  /// `now`, a bucket is empty.
  void spend(const std::vector<spent_memory>& known, time_point now);

private:
  std::variant<token_bucket, sliding_window> impl_;
};

} // namespace echelon::policy
