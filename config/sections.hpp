/// The sections of the configuration, each read into its part of RouterConfig. Internal to config/.
#pragma once

#include "config/reader.hpp"
#include "config/router_config.hpp"

#include <map>
#include <string>

namespace echelon::config {

/// A reference by name that is looked up once everything is read.
struct named_ref {
  std::string name;
  place at;
  std::string path; ///< `workflow_nodes.planning_node.fallback_groups`
};

struct pool_refs {
  std::vector<named_ref> members;
};

/// The references of one group's on_context_overflow and on_content_policy.
struct cause_refs {
  std::vector<named_ref> overflow, policy;
};

struct node_refs {
  named_ref llm_group;
  std::vector<named_ref> fallback_groups;
  named_ref polling_pool;
  place at;
  place timeout_at;
};

/// What is being built, with the places that later checks talk about.
struct loading {
  explicit loading(diagnostics& to) : out(to) {}

  RouterConfig config;
  diagnostics& out;
  environment env;
  bool simulate = false;
  host_parts parts;

  std::map<std::string, bool> own_breaker; ///< Groups with a circuit_breaker of their own.
  std::map<std::string, place> group_at;   ///< By group.
  std::map<std::string, place> tier_at;    ///< By `group.tier`.
  std::map<std::string, place> tier_limit_at, tier_rpm_at; ///< By `group.tier`.
  std::vector<std::pair<named_ref, std::string>>
      model_refs; ///< A model's use, and the tier that uses it.
  std::map<std::string, place> model_at, pool_at, provider_at;
  std::map<std::string, place> model_limit_at, pool_rate_at;
  std::vector<pool_refs> pools;
  std::vector<node_refs> nodes;
  std::map<std::string, cause_refs> causes; ///< By group.
  std::map<std::string, place> client_at;
  place store_at;
};

/// Reads the map `headers` of `in`, if there is one, with its variables; a value with a line break
/// is an error.
void read_headers(map_reader& in, loading& x, std::map<std::string, std::string>& to);

void read_task_groups(loading& x, const yaml_ptr& node);
void read_polling_pools(loading& x, const yaml_ptr& node);
void read_workflow_nodes(loading& x, const yaml_ptr& node);
/// One workflow node; `later.at` is its place. References are looked up by link_node().
void read_node(map_reader& in, node_config& to, node_refs& later);
void read_global_fallback(loading& x, const yaml_ptr& node);
void read_concurrency_control(loading& x, const yaml_ptr& node);
void read_rate_limiting(loading& x, const yaml_ptr& node);
void read_providers(loading& x, const yaml_ptr& node);
void read_models(loading& x, const yaml_ptr& node);
void read_server(loading& x, const yaml_ptr& node);
void read_auth(loading& x, const yaml_ptr& node);
void read_clients(loading& x, const yaml_ptr& node);
/// Where keys and usage are kept.
void read_store(loading& x, map_reader& auth);
/// Targets of clients that do not exist, and names that are given twice.
void link_clients(loading& x);
void read_cluster(loading& x, const yaml_ptr& node);
void read_telemetry(loading& x, const yaml_ptr& node);
void read_logs(loading& x, const yaml_ptr& node);

/// Reads the values of a tier_parameters; unset ones stay.
void read_parameters(map_reader& from, tier_parameters& to);

/// Looks the references of a node up in what was read. `path` names it for people.
void link_node(const RouterConfig& config, diagnostics& out, const std::string& path,
               node_config& node, const node_refs& refs);
/// Resolves references, infers models and providers, and warns of what cannot work.
void link(loading& x);
/// Limits that can never be reached, and timeouts that cannot hold.
void check_limits(loading& x);
/// Deadlines that are over before all of a target's stages can have been asked. Only without
/// errors.
void check_deadlines(loading& x);

/// A name that may be a target: not empty, no dot, no white space, no comma.
[[nodiscard]] bool check_name(const yaml_node& key, const std::string& what, diagnostics& out);

} // namespace echelon::config
