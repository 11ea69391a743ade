/// What a ConfigManager holds.
#pragma once

#include "config/load.hpp"

#include <echelon/config.hpp>
#include <echelon/error.hpp>

#include <string>
#include <vector>

namespace echelon {

struct ConfigManager::impl {
  std::filesystem::path path; ///< Empty: from a text.
  std::vector<config::source_file> sources;
  config::load_options how;
  config::router_config_ptr config;
  std::vector<std::string> warnings;
};

namespace api {

/// The host's parts in the router's own terms.
[[nodiscard]] config::host_parts parts_of(const Extensions& x);
[[nodiscard]] LlmError configuration_error(const std::vector<std::string>& faults);
/// Reads a node of code against `config`. Throws LlmError (configuration).
[[nodiscard]] config::node_config read_node(const config::RouterConfig& config,
                                            const NodeConfig& node);

} // namespace api
} // namespace echelon
