/// What a reload changes, for people. Secrets are never shown.
#pragma once

#include "config/router_config.hpp"
#include "policy/topology.hpp"

#include <string>
#include <vector>

namespace echelon::config {

struct config_changes {
  std::vector<std::string> added, removed; ///< Targets.
  std::vector<std::string> changed;        ///< `echelon/g.t: rate 5 in 60 s -> 50 in 60 s`
  std::vector<std::string> need_restart;   ///< Keys that are read only at the start.
  [[nodiscard]] bool empty() const {
    return added.empty() && removed.empty() && changed.empty() && need_restart.empty();
  }
};

[[nodiscard]] config_changes compare(const RouterConfig& before, const policy::topology& from,
                                     const RouterConfig& after, const policy::topology& to);

} // namespace echelon::config
