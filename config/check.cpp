// Limits that can never be reached because a level above or below is smaller.
#include "config/sections.hpp"
#include "config/times.hpp"
#include "config/topology.hpp"

namespace echelon::config {

namespace {

/// Sum of what the models of a tier allow; nothing if one of them is not limited.
template <class Get>
std::optional<std::uint64_t> sum_of(const RouterConfig& config, const tier_config& tier, Get get) {
  std::uint64_t sum = 0;
  for (const auto& name : tier.models) {
    const auto* model = config.model(name);
    const auto limit = model ? get(*model) : std::optional<std::uint32_t>{};
    if (!limit) return std::nullopt;
    sum += *limit;
  }
  return sum;
}

void check_tier(loading& x, const group_config& group, const tier_config& tier) {
  const auto label = group.name + '.' + tier.name;
  const auto& config = x.config;
  if (tier.concurrency_limit) {
    const auto own = std::to_string(*tier.concurrency_limit);
    const auto below =
        sum_of(config, tier, [&](const model_config& m) -> std::optional<std::uint32_t> {
          if (m.concurrency_limit) return m.concurrency_limit;
          if (config.model_level) return config.model_level->limit;
          return std::nullopt;
        });
    if (below && *below < *tier.concurrency_limit)
      x.out.warn(x.tier_limit_at[label], "unreachable-limit",
                 label + ": concurrency_limit " + own + " can never be reached: its models allow "
                     + std::to_string(*below) + " together");
    if (config.group_level && config.group_level->limit < *tier.concurrency_limit)
      x.out.warn(x.tier_limit_at[label], "unreachable-limit",
                 label + ": concurrency_limit " + own + " can never be reached: group_level allows "
                     + std::to_string(config.group_level->limit));
  }
  if (tier.rpm_limit) {
    const auto below = sum_of(config, tier, [](const model_config& m) { return m.rpm_limit; });
    if (below && *below < *tier.rpm_limit)
      x.out.warn(x.tier_rpm_at[label], "unreachable-limit",
                 label + ": rpm_limit " + std::to_string(*tier.rpm_limit)
                     + " can never be reached: its models allow " + std::to_string(*below)
                     + " together");
  }
}

void check_node(loading& x, const node_config& node, const node_refs& refs) {
  if (!node.timeout) return;
  const auto* tier = x.config.tier(node.llm_group);
  if (tier != nullptr && *node.timeout < tier->timeout)
    x.out.warn(refs.timeout_at, "node-timeout",
               "workflow_nodes." + node.name
                   + ".task_config.timeout is shorter than the timeout of one attempt in "
                   + node.llm_group.str());
}

/// What a limiter lets through at once, and on and on in a minute.
struct throughput {
  double burst = 0, per_minute = 0;
};

throughput of(const policy::rate_settings& x) {
  if (const auto* w = std::get_if<policy::sliding_window_settings>(&x)) {
    const auto most = static_cast<double>(w->max_units);
    return {most, most * 60 / std::chrono::duration<double>(w->window).count()};
  }
  const auto& b = std::get<policy::token_bucket_settings>(x);
  return {static_cast<double>(b.bucket_size),
          static_cast<double>(b.refill_micro_per_second) * 60 / 1e6};
}

/// A pool's requests pass the limiter of the whole router first.
void check_pool(loading& x, const pool_config& pool) {
  if (!pool.rate || !x.config.rate) return;
  const auto own = of(*pool.rate), all = of(*x.config.rate);
  if (own.burst > all.burst && own.per_minute > all.per_minute)
    x.out.warn(
        x.pool_rate_at[pool.name], "unreachable-limit",
        "polling_pools." + pool.name
            + ".rate_limiting can never be reached: rate_limiting of the whole router is smaller");
}

/// Whether the last stage can still be asked when every stage before it times out once.
void check_deadline(loading& x, const policy::plan& plan, const place& at) {
  policy::duration before{}, worst{};
  const policy::stage* last = nullptr;
  std::size_t reached = 0;
  for (const auto& stage : plan.stages) {
    if (stage.reserve || reached++ > (plan.fallback ? plan.max_moves : 0)) continue;
    if (last != nullptr) before += last->timeout;
    last = &stage;
    worst += stage.timeout * (1 + stage.max_retries);
  }
  if (last == nullptr || before == policy::duration::zero() || before < plan.total_timeout) return;
  x.out.warn(at, "deadline-too-short",
             plan.target + ": its deadline of " + in_seconds(plan.total_timeout)
                 + " may be over before " + last->label + " is asked: the stages before it take "
                 + in_seconds(before) + " when each times out once, and all of them "
                 + in_seconds(worst) + " with their retries");
}

} // namespace

void check_deadlines(loading& x) {
  const auto topology = make_topology(x.config);
  const auto check = [&](const std::string& target, const place& at) {
    if (const auto i = topology->targets.find(target); i != topology->targets.end())
      check_deadline(x, *i->second, at);
  };
  for (const auto& group : x.config.groups)
    check(group.name, x.group_at[group.name]);
  for (const auto& pool : x.config.pools)
    check(pool.name, x.pool_at[pool.name]);
  for (std::size_t i = 0; i < x.nodes.size(); ++i)
    check(x.config.nodes[i].name,
          x.config.nodes[i].timeout ? x.nodes[i].timeout_at : x.nodes[i].at);
}

void check_limits(loading& x) {
  for (const auto& pool : x.config.pools)
    check_pool(x, pool);
  for (const auto& group : x.config.groups)
    for (const auto& tier : group.tiers)
      check_tier(x, group, tier);
  for (std::size_t i = 0; i < x.nodes.size(); ++i)
    check_node(x, x.config.nodes[i], x.nodes[i]);
}

} // namespace echelon::config
