/// What a process says of its place in the cluster wins over the file: one file serves every node.
#pragma once

#include "config/router_config.hpp"

#include <string>
#include <vector>

namespace echelon::config {

/// Empty members leave the configuration's.
struct cluster_overrides {
  std::string node;
  std::string listen; ///< `ADDRESS:PORT`
  std::vector<std::string> seeds;
};

/// @returns Empty, or the address that is none.
[[nodiscard]] std::string first_bad_address(const cluster_overrides& x);
/// The addresses are good.
void apply(const cluster_overrides& x, RouterConfig& to);

} // namespace echelon::config
