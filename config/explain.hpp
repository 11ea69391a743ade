/// In which order a target's candidates are tried, and under which limits.
#pragma once

#include "config/router_config.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>

namespace echelon::config {

/// A table for people. Throws std::invalid_argument if there is no such target.
[[nodiscard]] std::string explain(const RouterConfig& config, std::string_view target);
/// The same for an explain_json(), also one to which a running router has added what it sees.
[[nodiscard]] std::string explain_text(const nlohmann::json& x);
[[nodiscard]] nlohmann::json explain_json(const RouterConfig& config, std::string_view target);

} // namespace echelon::config
