/// What calls cost by the models' `price`, in millionths of its currency.
#pragma once

#include "config/router_config.hpp"
#include "policy/topology.hpp"

#include <cstdint>
#include <string_view>

namespace echelon::engine {

/// LLM tokens of one call.
struct call_tokens {
  std::int64_t prompt = 0, answer = 0;
  [[nodiscard]] std::int64_t all() const { return prompt + answer; }
};

/// Rounded up; 0 for a model without a price, or that is not known.
[[nodiscard]] std::int64_t cost_of(const config::RouterConfig& config, std::string_view model,
                                   const call_tokens& x);

/// The same at the dearest model that `plan` may come to.
[[nodiscard]] std::int64_t dearest(const config::RouterConfig& config, const policy::plan& plan,
                                   const call_tokens& x);

} // namespace echelon::engine
