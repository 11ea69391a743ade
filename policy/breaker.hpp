/// Circuit breaker with bounded probes, and a bench for members that asked to be left alone.
#pragma once

#include "policy/memory.hpp"
#include "policy/settings.hpp"

#include <cstdint>
#include <string_view>

namespace echelon::policy {

enum class breaker_state : std::uint8_t { closed, open, half_open };
[[nodiscard]] std::string_view to_string(breaker_state x);

/// How an admitted request ended for this level.
enum class outcome : std::uint8_t { neutral, success, failure };

/// What an admitted request carries through its life, to tell its own outcome from a stale one.
struct breaker_pass {
  std::uint64_t epoch = 0; ///< State change at which it was admitted.
  bool probe = false;      ///< Holds one of the half-open slots.
};

class breaker {
public:
  explicit breaker(breaker_settings settings) : settings_(settings) {}

  /// State at `now`; an open breaker is half-open once its recovery time has passed.
  [[nodiscard]] breaker_state state(time_point now) const;
  /// @returns Zero if a request may pass at `now`, else how long it is refused at least (> 0; one
  ///          second where only a probe in flight stands in the way).
  [[nodiscard]] duration wait(time_point now) const;
  /// Lets one request pass. Call only after wait() gave zero.
  [[nodiscard]] breaker_pass pass(time_point now);
  /// Takes the outcome of a request that passed. Outcomes from before the last state change count
  /// for nothing; a probe's slot always comes back.
  void report(breaker_pass pass, outcome result, time_point now);
  /// A failure found out only after the request's slot was given back.
  void report_late_failure(time_point now);
  /// An active check found the member well: closed at once. A bench stays.
  void close();
  /// An active check found it well enough to be tried: half-open at once, if it is open.
  void let_probe(time_point now);
  /// An active check found it still down: an open breaker stays so for its whole time again.
  void stay_open(time_point now);
  /// Keeps everyone out until `until`; the later of two wins. Not a failure.
  void bench(time_point until);
  [[nodiscard]] bool benched(time_point now) const { return now < benched_until_; }
  void apply(breaker_settings settings) { settings_ = settings; }
  /// Neither open nor half-open.
  [[nodiscard]] bool closed() const { return state_ == breaker_state::closed; }
  [[nodiscard]] std::uint64_t epoch() const { return epoch_; }
  [[nodiscard]] std::uint32_t failures() const { return failures_; }
  [[nodiscard]] breaker_memory save(time_point now) const;
  void load(const breaker_memory& x, time_point now);
  /// Takes over what is stricter than this: open before half-open before closed, and the longer
  /// one.
  void tighten(const breaker_memory& x, time_point now);

private:
  void open(time_point now);
  void enter_half_open(time_point now);

  breaker_settings settings_;
  breaker_state state_ = breaker_state::closed;
  std::uint64_t epoch_ = 0;
  std::uint32_t failures_ = 0;  // Consecutive, while closed.
  std::uint32_t probes_ = 0;    // In flight, while half-open.
  std::uint32_t successes_ = 0; // Of probes, while half-open.
  time_point open_until_{};
  time_point benched_until_{};
};

} // namespace echelon::policy
