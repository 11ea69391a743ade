/// The retry budget of each target. Thread-safe.
#pragma once

#include "policy/retry_budget.hpp"

#include <mutex>
#include <string>
#include <unordered_map>

namespace echelon::engine {

class budgets {
public:
  void begin(const std::string& target, const policy::retry_budget_settings& settings,
             policy::time_point now) {
    const std::lock_guard guard{mutex_};
    of(target, settings).begin(now);
  }
  [[nodiscard]] bool take(const std::string& target, const policy::retry_budget_settings& settings,
                          policy::time_point now) {
    const std::lock_guard guard{mutex_};
    return of(target, settings).take(now);
  }

private:
  policy::retry_budget& of(const std::string& target,
                           const policy::retry_budget_settings& settings) {
    auto& x = by_target_.try_emplace(target, settings).first->second;
    x.apply(settings); // A reload may have changed them.
    return x;
  }
  std::mutex mutex_;
  std::unordered_map<std::string, policy::retry_budget> by_target_;
};

} // namespace echelon::engine
