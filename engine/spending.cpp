#include "engine/spending.hpp"

#include <algorithm>
#include <cmath>

namespace echelon::engine {

std::int64_t cost_of(const config::RouterConfig& config, std::string_view model,
                     const call_tokens& x) {
  const auto* of = config.model(model);
  if (of == nullptr) return 0;
  // A price per million tokens is one in millionths per token.
  const auto money = static_cast<double>(x.prompt) * of->input_per_mtok
                     + static_cast<double>(x.answer) * of->output_per_mtok;
  return static_cast<std::int64_t>(std::ceil(std::clamp(money - 1e-6, 0.0, 1e18)));
}

std::int64_t dearest(const config::RouterConfig& config, const policy::plan& plan,
                     const call_tokens& x) {
  std::int64_t most = 0;
  for (const auto& stage : plan.stages)
    for (const auto& model : stage.models)
      most = std::max(most, cost_of(config, model.name, x));
  return most;
}

} // namespace echelon::engine
