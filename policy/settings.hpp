/// Plain settings of the policy cores. config/ fills them; nothing here decides anything.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace echelon::policy {

using clock = std::chrono::steady_clock;
using time_point = clock::time_point;
using duration = std::chrono::nanoseconds;

/// Levels of the hierarchy, from the top down. `key` holds the limits of one client's key, `router`
/// the limiter of the whole router.
enum class level : std::uint8_t { key, router, node, pool, group, tier, model };

enum class rotation_strategy : std::uint8_t { round_robin, least_recently_used, weighted, custom };
enum class fallback_strategy : std::uint8_t { echelon_down, provider_failover, model_rotate };

/// Token bucket in integers: one request takes one token.
struct token_bucket_settings {
  std::int64_t bucket_size = 1;             ///< Most tokens at once; >= 1.
  std::int64_t refill_micro_per_second = 1; ///< Millionths of a token per second; >= 1.
  bool operator==(const token_bucket_settings&) const = default;
};

/// At most `max_units` units in any window of this length.
struct sliding_window_settings {
  duration window = std::chrono::seconds{60}; ///< > 0.
  std::int64_t max_units = 1;                 ///< >= 1.
  bool operator==(const sliding_window_settings&) const = default;
};

using rate_settings = std::variant<token_bucket_settings, sliding_window_settings>;

/// Concurrency permits with a bounded queue.
struct concurrency_settings {
  std::uint32_t limit = 1;      ///< Permits; >= 1.
  std::uint32_t queue_size = 0; ///< Waiting requests; 0: none may wait.
  bool operator==(const concurrency_settings&) const = default;
};

struct breaker_settings {
  std::uint32_t failure_threshold = 5;               ///< Consecutive failures; >= 1.
  duration recovery_time = std::chrono::seconds{60}; ///< Open for this long; > 0.
  std::uint32_t half_open_requests = 1;              ///< Probes, and successes to close; >= 1.
  bool operator==(const breaker_settings&) const = default;
};

/// How many retries one target may make in any 10 s: the larger of the two.
struct retry_budget_settings {
  std::uint32_t percent = 20;     ///< Of its requests in these 10 s; 0 to 1000.
  std::uint32_t min_retries = 20; ///< >= 0.
  bool operator==(const retry_budget_settings&) const = default;
};

/// Money in a day and in a month of the calendar, UTC, in millionths; 0: not limited.
struct budget_settings {
  std::int64_t per_day = 0, per_month = 0;
  bool operator==(const budget_settings&) const = default;
};

/// All that one level's gate holds. Absent: not limited in that way.
struct gate_settings {
  std::optional<concurrency_settings> concurrency;
  std::optional<rate_settings> rate;             ///< In requests or attempts, by level.
  std::optional<sliding_window_settings> tokens; ///< In LLM tokens (`tpm_limit`); window 60 s.
  std::optional<budget_settings> money;
  breaker_settings breaker;
  bool operator==(const gate_settings&) const = default;
};

[[nodiscard]] std::string_view to_string(level x);
[[nodiscard]] std::string_view to_string(rotation_strategy x);
[[nodiscard]] std::string_view to_string(fallback_strategy x);

} // namespace echelon::policy
