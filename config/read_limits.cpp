// polling_pools, workflow_nodes, concurrency_control and rate_limiting.
#include "config/sections.hpp"

#include <algorithm>
#include <cmath>

namespace echelon::config {

using policy::rotation_strategy;

namespace {

enum class algorithm { token_bucket, sliding_window };
const word_list<algorithm> algorithms{{"token_bucket", algorithm::token_bucket},
                                      {"sliding_window", algorithm::sliding_window}};

std::optional<policy::rate_settings> bucket(map_reader& in) {
  const auto size = in.count("bucket_size");
  const auto rate = in.number("refill_rate");
  if (!size || !rate) {
    if (in.find("bucket_size") == nullptr || in.find("refill_rate") == nullptr)
      in.out().error(in.at(), "missing-key",
                     in.path() + " needs bucket_size and refill_rate (tokens a second)");
    return std::nullopt;
  }
  return policy::token_bucket_settings{*size, std::llround(*rate * 1e6)};
}

std::optional<policy::rate_settings> window(map_reader& in) {
  const auto size = in.seconds("window_size");
  const auto most = in.count("max_requests");
  if (!size || !most) {
    if (in.find("window_size") == nullptr || in.find("max_requests") == nullptr)
      in.out().error(in.at(), "missing-key",
                     in.path() + " needs window_size (seconds) and max_requests");
    return std::nullopt;
  }
  return policy::sliding_window_settings{*size, *most};
}

/// A pool's limiter: settings beside the algorithm.
std::optional<policy::rate_settings> read_pool_rate(const yaml_ptr& node, const std::string& path,
                                                    diagnostics& out) {
  map_reader in{node, path, pool_rate_schema(), out};
  const bool enabled = in.boolean("enabled").value_or(true);
  const auto which = in.one_of("algorithm", algorithms);
  std::optional<policy::rate_settings> rate;
  if (which && enabled) rate = *which == algorithm::token_bucket ? bucket(in) : window(in);
  if (!which && in.find("algorithm") == nullptr && enabled)
    out.error(in.at(), "missing-key", path + " needs algorithm: token_bucket or sliding_window");
  in.finish();
  return rate;
}

std::optional<policy::concurrency_settings> read_permits(map_reader& in) {
  const auto limit = in.count("limit");
  const auto queue = in.count("queue_size");
  if (in.find("limit") == nullptr)
    in.out().error(in.at(), "missing-key", in.path() + " needs limit");
  in.finish();
  if (!limit) return std::nullopt;
  return policy::concurrency_settings{*limit, queue.value_or(0)};
}

std::vector<named_ref> refs(map_reader& in, const std::string& key) {
  std::vector<named_ref> found;
  if (!in.texts(key)) return found;
  for (const auto& item : in.find(key)->items)
    if (item->is == yaml_node::kind::scalar) found.push_back({item->text, item->at, in.path(key)});
  return found;
}

void read_pool(loading& x, const yaml_node& name, const yaml_ptr& node) {
  map_reader in{node, "polling_pools." + name.text, pool_schema(), x.out};
  if (node->is != yaml_node::kind::map) return;
  pool_config pool;
  pool.name = name.text;
  pool.description = in.text("description").value_or("");
  word_list<rotation_strategy> strategies{
      {"round_robin", rotation_strategy::round_robin},
      {"least_recently_used", rotation_strategy::least_recently_used},
      {"weighted", rotation_strategy::weighted}};
  for (const auto& [own, order] : x.parts.rotations)
    strategies.emplace_back(own, rotation_strategy::custom);
  if (in.find("task_groups") == nullptr)
    x.out.error(name.at, "missing-key", in.path() + " needs task_groups");
  pool_refs members{refs(in, "task_groups")};
  if (const auto* list = in.find("task_groups");
      list && list->is == yaml_node::kind::list && list->items.empty())
    x.out.error(list->at, "empty-list", in.path("task_groups") + " must name a task group");
  if (const auto v = in.one_of("rotation_strategy", strategies)) pool.rotation = *v;
  pool.rotation_name = in.text("rotation_strategy").value_or(std::string{to_string(pool.rotation)});
  if (pool.rotation == rotation_strategy::custom)
    pool.order = x.parts.rotations.at(pool.rotation_name);
  if (const auto v = in.seconds("health_check_interval")) pool.health_check_interval = *v;
  if (const auto v = in.count("failure_threshold")) pool.failure_threshold = *v;
  if (const auto v = in.seconds("recovery_time")) pool.recovery_time = *v;
  if (const auto v = in.seconds("slow_start")) pool.slow_start = *v;
  if (const auto rate = in.take("rate_limiting"))
    pool.rate = read_pool_rate(rate, in.path("rate_limiting"), x.out);
  in.finish();
  x.pool_rate_at[pool.name] = in.where("rate_limiting");
  x.pool_at[pool.name] = name.at;
  x.config.pools.push_back(std::move(pool));
  x.pools.push_back(std::move(members));
}

void read_node(loading& x, const yaml_node& name, const yaml_ptr& node) {
  map_reader in{node, "workflow_nodes." + name.text, node_schema(), x.out};
  if (node->is != yaml_node::kind::map) return;
  node_config to;
  node_refs later;
  to.name = name.text;
  later.at = name.at;
  read_node(in, to, later);
  x.config.nodes.push_back(std::move(to));
  x.nodes.push_back(std::move(later));
}

} // namespace

void read_node(map_reader& in, node_config& to, node_refs& later) {
  const word_list<int> types{{"llm", 0}};
  static_cast<void>(in.one_of("type", types));
  if (in.find("llm_group") == nullptr)
    in.out().error(later.at, "missing-key", in.path() + " needs llm_group");
  later.llm_group = {in.word("llm_group").value_or(""), in.where("llm_group"),
                     in.path("llm_group")};
  to.own_fallback = in.find("fallback_groups") != nullptr;
  later.fallback_groups = refs(in, "fallback_groups");
  to.polling_pool = in.word("polling_pool").value_or("");
  later.polling_pool = {to.polling_pool, in.where("polling_pool"), in.path("polling_pool")};
  to.task_type = in.word("task_type").value_or("");
  if (const auto task = in.take("task_config")) {
    map_reader own{task, in.path("task_config"), task_schema(), in.out()};
    to.timeout = own.seconds("timeout");
    later.timeout_at = own.where("timeout");
    to.max_retries = own.count("max_retries");
    read_parameters(own, to.parameters);
    own.finish();
  }
  read_parameters(in, to.parameters);
  if (const auto permits = in.take("concurrency_config")) {
    map_reader own{permits, in.path("concurrency_config"), permits_schema(), in.out()};
    to.concurrency = read_permits(own);
  }
  in.finish();
}

void read_polling_pools(loading& x, const yaml_ptr& node) {
  const map_reader in{node, "polling_pools", pools_schema(), x.out};
  for (const auto& [key, value] : node->entries)
    if (check_name(*key, "a polling pool", x.out)) read_pool(x, *key, value);
}

void read_workflow_nodes(loading& x, const yaml_ptr& node) {
  const map_reader in{node, "workflow_nodes", nodes_schema(), x.out};
  for (const auto& [key, value] : node->entries)
    if (check_name(*key, "a workflow node", x.out)) read_node(x, *key, value);
}

void read_concurrency_control(loading& x, const yaml_ptr& node) {
  map_reader in{node, "concurrency_control", concurrency_schema(), x.out};
  const bool enabled = in.boolean("enabled").value_or(true);
  const auto levels = in.take("levels");
  in.finish();
  if (!enabled) return;
  x.config.default_queue = 0;
  if (!levels) return;
  if (levels->is != yaml_node::kind::list) {
    x.out.error(levels->at, "wrong-type", "concurrency_control.levels must be a list of maps");
    return;
  }
  for (const auto& item : levels->items) {
    map_reader level{item, "concurrency_control.levels", level_schema(), x.out};
    const std::pair<const char*, std::optional<policy::concurrency_settings>*> known[] = {
        {"group_level", &x.config.group_level},
        {"echelon_level", &x.config.echelon_level},
        {"model_level", &x.config.model_level},
        {"node_level", &x.config.node_level}};
    for (const auto& [name, to] : known) {
      const auto own = level.take(name);
      if (!own) continue;
      if (*to)
        x.out.error(own->at, "duplicate-key", std::string{"level '"} + name + "' is given twice");
      map_reader permits{own, level.path(name), permits_schema(), x.out};
      *to = read_permits(permits);
    }
    level.finish();
  }
}

void read_rate_limiting(loading& x, const yaml_ptr& node) {
  map_reader in{node, "rate_limiting", rate_schema(), x.out};
  const bool enabled = in.boolean("enabled").value_or(true);
  const auto which = in.one_of("algorithm", algorithms);
  std::optional<policy::rate_settings> tokens, sliding;
  if (const auto own = in.take("token_bucket")) {
    map_reader settings{own, in.path("token_bucket"), bucket_schema(), x.out};
    tokens = bucket(settings);
    settings.finish();
  }
  if (const auto own = in.take("sliding_window")) {
    map_reader settings{own, in.path("sliding_window"), window_schema(), x.out};
    sliding = window(settings);
    settings.finish();
  }
  in.finish();
  if (!enabled) return;
  if (!which) {
    if (in.find("algorithm") == nullptr)
      x.out.error(in.at(), "missing-key",
                  "rate_limiting needs algorithm: token_bucket or sliding_window");
    return;
  }
  x.config.rate = *which == algorithm::token_bucket ? tokens : sliding;
  const auto* name = *which == algorithm::token_bucket ? "token_bucket" : "sliding_window";
  if (!x.config.rate && in.find(name) == nullptr)
    x.out.error(in.at(), "missing-key",
                std::string{"rate_limiting needs "} + name + ", the settings of its algorithm");
}

} // namespace echelon::config
