/// Keeps the retries of one target to a share of its requests, so that an outage is not multiplied.
#pragma once

#include "policy/settings.hpp"

#include <array>
#include <cstdint>

namespace echelon::policy {

/// Retries at a model that has failed the same request already. In any ten whole seconds a target
/// makes no more of them than the larger of `min_retries` and `percent` of the requests that began
/// in the same ten seconds. (As in Finagle's RetryBudget, with whole seconds in place of its
/// leaky bucket.)
class retry_budget {
public:
  explicit retry_budget(retry_budget_settings settings) : settings_(settings) {}

  /// A request begins.
  void begin(time_point now);
  /// @returns Whether a retry may be made; it is counted then.
  [[nodiscard]] bool take(time_point now);
  void apply(retry_budget_settings settings) { settings_ = settings; }

private:
  static constexpr std::int64_t span = 10;
  struct second {
    std::int64_t number = -1; // Since the clock's epoch; -1: never used.
    std::int64_t requests = 0;
    std::int64_t retries = 0;
  };
  second& at(time_point now);

  retry_budget_settings settings_;
  std::array<second, span> seconds_{};
};

} // namespace echelon::policy
