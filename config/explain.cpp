#include "config/explain.hpp"

#include "config/topology.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <stdexcept>

namespace echelon::config {

using nlohmann::json;

namespace {

double seconds(policy::duration x) {
  return std::chrono::duration<double>(x).count();
}

json gate_json(const policy::topology& topology, policy::path_id id) {
  const auto* spec = topology.find(id);
  if (spec == nullptr) return nullptr;
  json x{{"actor", spec->path}};
  if (spec->gate.concurrency) {
    x["concurrency_limit"] = spec->gate.concurrency->limit;
    x["queue_size"] = spec->gate.concurrency->queue_size;
  }
  if (spec->gate.rate) {
    if (const auto* w = std::get_if<policy::sliding_window_settings>(&*spec->gate.rate))
      x["rate"] = {{"max_requests", w->max_units}, {"window_s", seconds(w->window)}};
    else if (const auto* b = std::get_if<policy::token_bucket_settings>(&*spec->gate.rate))
      x["rate"] = {{"bucket_size", b->bucket_size},
                   {"refill_per_s", static_cast<double>(b->refill_micro_per_second) / 1e6}};
  }
  if (spec->gate.tokens) x["tpm_limit"] = spec->gate.tokens->max_units;
  x["failure_threshold"] = spec->gate.breaker.failure_threshold;
  x["recovery_time_s"] = seconds(spec->gate.breaker.recovery_time);
  return x;
}

/// The tightest concurrency limit on the way to a model, and who sets it.
json binding(const policy::topology& topology, const std::vector<policy::path_id>& way) {
  json tightest;
  for (auto id : way) {
    const auto* spec = topology.find(id);
    if (spec == nullptr || !spec->gate.concurrency) continue;
    if (tightest.is_null() || spec->gate.concurrency->limit < tightest["limit"])
      tightest = {{"limit", spec->gate.concurrency->limit}, {"actor", spec->path}};
  }
  return tightest;
}

} // namespace

json explain_json(const RouterConfig& config, std::string_view target) {
  const auto topology = make_topology(config);
  const auto found = topology->targets.find(std::string{target});
  if (found == topology->targets.end())
    throw std::invalid_argument("there is no target '" + std::string{target} + "'");
  const auto& plan = *found->second;
  json levels = json::array();
  for (auto id : {plan.router, plan.node, plan.pool})
    if (id != 0) levels.push_back(gate_json(*topology, id));
  json stages = json::array();
  double worst = 0;
  std::size_t reached = 0;
  for (const auto& stage : plan.stages) {
    json models = json::array();
    for (const auto& m : stage.models)
      models.push_back(
          {{"model", m.name},
           {"provider", m.provider},
           {"limits", gate_json(*topology, m.id)},
           {"binding_concurrency",
            binding(*topology, {plan.node, plan.pool, stage.group, stage.tier, m.id})}});
    const auto rotates = stage.strategy != policy::fallback_strategy::echelon_down;
    const auto attempts = (rotates ? stage.models.size() : 1) + stage.max_retries;
    const bool reachable = reached <= (plan.fallback ? plan.max_moves : 0);
    if (reachable) worst += static_cast<double>(attempts) * seconds(stage.timeout);
    ++reached;
    stages.push_back({{"stage", stage.label},
                      {"strategy", to_string(stage.strategy)},
                      {"timeout_s", seconds(stage.timeout)},
                      {"max_retries", stage.max_retries},
                      {"most_attempts", attempts},
                      {"reachable", reachable},
                      {"group", gate_json(*topology, stage.group)},
                      {"tier", gate_json(*topology, stage.tier)},
                      {"models", std::move(models)}});
  }
  return {{"target", plan.target},
          {"total_timeout_s", seconds(plan.total_timeout)},
          {"worst_case_s", std::min(worst, seconds(plan.total_timeout))},
          {"max_moves", plan.fallback ? plan.max_moves : 0},
          {"pool_rotates", plan.rotates},
          {"levels", std::move(levels)},
          {"stages", std::move(stages)}};
}

std::string explain(const RouterConfig& config, std::string_view target) {
  const auto x = explain_json(config, target);
  std::string text = "target " + x["target"].get<std::string>() + ": deadline "
                     + x["total_timeout_s"].dump() + " s, worst case " + x["worst_case_s"].dump()
                     + " s, at most " + x["max_moves"].dump() + " moves to other tiers"
                     + (x["pool_rotates"] ? "; the pool rotates its members" : "") + '\n';
  for (const auto& level : x["levels"])
    text += "through " + level["actor"].get<std::string>() + '\n';
  char line[256];
  std::snprintf(line, sizeof line, "%-3s %-32s %-28s %-10s %8s %8s %-s\n", "#", "STAGE", "MODEL",
                "PROVIDER", "TIMEOUT", "RETRIES", "BINDING CONCURRENCY");
  text += line;
  int number = 0;
  for (const auto& stage : x["stages"]) {
    ++number;
    for (const auto& m : stage["models"]) {
      const auto& bound = m["binding_concurrency"];
      const auto limit = bound.is_null()
                             ? std::string{"none"}
                             : bound["limit"].dump() + " by " + bound["actor"].get<std::string>();
      std::snprintf(line, sizeof line, "%-3d %-32s %-28s %-10s %7ss %8s %-s%s\n", number,
                    stage["stage"].get<std::string>().c_str(),
                    m["model"].get<std::string>().c_str(), m["provider"].get<std::string>().c_str(),
                    stage["timeout_s"].dump().c_str(), stage["max_retries"].dump().c_str(),
                    limit.c_str(),
                    stage["reachable"] ? "" : "  (beyond global_fallback.max_attempts)");
      text += line;
    }
  }
  return text;
}

} // namespace echelon::config
