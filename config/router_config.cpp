#include "config/router_config.hpp"

#include <algorithm>
#include <limits>

namespace echelon::config {

using policy::breaker_settings;
using policy::concurrency_settings;
using policy::gate_settings;
using policy::sliding_window_settings;

namespace {

template <class T>
const T* by_name(const std::vector<T>& xs, std::string_view name) {
  const auto i = std::find_if(xs.begin(), xs.end(), [&](const auto& x) { return x.name == name; });
  return i == xs.end() ? nullptr : &*i;
}

std::optional<sliding_window_settings> per_minute(const std::optional<std::uint32_t>& limit) {
  if (!limit) return std::nullopt;
  return sliding_window_settings{std::chrono::seconds{60}, *limit};
}

/// An own limit with its level's queue, else the level's default.
std::optional<concurrency_settings> permits(const std::optional<std::uint32_t>& own,
                                            const std::optional<concurrency_settings>& level,
                                            std::uint32_t default_queue) {
  if (!own) return level;
  return concurrency_settings{*own, level ? level->queue_size : default_queue};
}

} // namespace

const group_config* RouterConfig::group(std::string_view name) const {
  return by_name(groups, name);
}

const pool_config* RouterConfig::pool(std::string_view name) const {
  return by_name(pools, name);
}

const node_config* RouterConfig::node(std::string_view name) const {
  return by_name(nodes, name);
}

const tier_config* RouterConfig::tier(const group_ref& ref) const {
  const auto* x = group(ref.group);
  return x ? by_name(x->tiers, ref.tier) : nullptr;
}

const model_config* RouterConfig::model(std::string_view name) const {
  const auto i = models.find(std::string{name});
  return i == models.end() ? nullptr : &i->second;
}

gate_settings RouterConfig::key_gate(const client_config& c) const {
  gate_settings x;
  x.concurrency = permits(c.concurrency_limit, std::nullopt, default_queue);
  if (const auto rpm = per_minute(c.rpm_limit)) x.rate = *rpm;
  x.tokens = per_minute(c.tpm_limit);
  if (c.daily_budget > 0 || c.monthly_budget > 0)
    x.money = policy::budget_settings{c.daily_budget, c.monthly_budget};
  // Whatever happens to its requests is not the key's fault.
  x.breaker.failure_threshold = std::numeric_limits<std::uint32_t>::max();
  return x;
}

gate_settings RouterConfig::router_gate() const {
  gate_settings x;
  x.rate = rate;
  return x;
}

gate_settings RouterConfig::node_gate(const node_config& n) const {
  gate_settings x;
  x.concurrency = n.concurrency ? n.concurrency : node_level;
  x.breaker = fallback.breaker;
  return x;
}

gate_settings RouterConfig::pool_gate(const pool_config& p) const {
  gate_settings x;
  x.rate = p.rate;
  x.breaker = fallback.breaker;
  return x;
}

gate_settings RouterConfig::group_gate(const group_config& g) const {
  gate_settings x;
  x.concurrency = group_level;
  x.breaker = g.breaker;
  return x;
}

gate_settings RouterConfig::tier_gate(const group_config& g, const tier_config& t) const {
  gate_settings x;
  x.concurrency = permits(t.concurrency_limit, echelon_level, default_queue);
  if (const auto rpm = per_minute(t.rpm_limit)) x.rate = *rpm;
  x.breaker = g.breaker;
  return x;
}

gate_settings RouterConfig::model_gate(const model_config& m) const {
  gate_settings x;
  x.concurrency = permits(m.concurrency_limit, model_level, default_queue);
  if (const auto rpm = per_minute(m.rpm_limit)) x.rate = *rpm;
  x.tokens = per_minute(m.tpm_limit);
  x.breaker = fallback.breaker;
  // One breaker for all groups that share the model: the most cautious of their values.
  bool used = false;
  for (const auto& g : groups) {
    const auto uses = std::any_of(g.tiers.begin(), g.tiers.end(), [&](const auto& t) {
      return std::find(t.models.begin(), t.models.end(), m.name) != t.models.end();
    });
    if (!uses) continue;
    if (!used) x.breaker = g.breaker;
    used = true;
    x.breaker.failure_threshold =
        std::min(x.breaker.failure_threshold, g.breaker.failure_threshold);
    x.breaker.recovery_time = std::max(x.breaker.recovery_time, g.breaker.recovery_time);
    x.breaker.half_open_requests =
        std::min(x.breaker.half_open_requests, g.breaker.half_open_requests);
  }
  return x;
}

} // namespace echelon::config
