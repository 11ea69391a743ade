/// Lays the configuration out as the hierarchy of actors and the plans of all targets.
#pragma once

#include "config/router_config.hpp"
#include "policy/topology.hpp"

namespace echelon::config {

/// @returns Every actor with its gate, and the plan of every node, pool, group, tier and model.
[[nodiscard]] policy::topology_ptr make_topology(const RouterConfig& config);

/// The plan of one request: that of `target`, with `fallbacks` (groups or tiers) tried after its
/// own stages. Null if `target` is not known; `unknown` gets the first fallback that is not.
[[nodiscard]] std::shared_ptr<const policy::plan>
plan_for(const policy::topology& topology, std::string_view target,
         const std::vector<std::string>& fallbacks, std::string& unknown);

/// The plan of a node that is not part of the configuration: as of `workflow_nodes`, without an
/// actor of its own. Its references are resolved.
[[nodiscard]] std::shared_ptr<const policy::plan> plan_of(const RouterConfig& config,
                                                          const node_config& node);

} // namespace echelon::config
