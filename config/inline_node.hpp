/// A workflow node that a caller brings along with his request.
#pragma once

#include "config/diagnostic.hpp"
#include "config/router_config.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace echelon::config {

/// Reads `text`, a map as under `workflow_nodes.<name>` in YAML or JSON, and resolves it against
/// `config`. It has no permits of its own: `concurrency_config` is refused. A fallback group that
/// does not exist is refused as well, since the caller can be told at once.
/// @returns The node, named `inline`; or nothing with every fault in `faults`.
[[nodiscard]] std::optional<node_config> read_inline_node(const RouterConfig& config,
                                                          std::string_view text,
                                                          std::vector<std::string>& faults);

} // namespace echelon::config
