#include "config/explain.hpp"

#include "config/topology.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
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

/// The tightest rate on the way, in requests or attempts a minute, and who sets it.
json binding_rate(const policy::topology& topology, const std::vector<policy::path_id>& way) {
  json tightest;
  double least = 0;
  for (auto id : way) {
    const auto* spec = topology.find(id);
    if (spec == nullptr || !spec->gate.rate) continue;
    double rate = 0;
    if (const auto* w = std::get_if<policy::sliding_window_settings>(&*spec->gate.rate))
      rate = static_cast<double>(w->max_units) * 60 / seconds(w->window);
    else if (const auto* b = std::get_if<policy::token_bucket_settings>(&*spec->gate.rate))
      rate = static_cast<double>(b->refill_micro_per_second) * 60 / 1e6;
    rate = std::round(rate * 100) / 100;
    if (!tightest.is_null() && rate >= least) continue;
    least = rate;
    tightest = {{"limit", rate}, {"actor", spec->path}};
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
            binding(*topology, {plan.node, plan.pool, stage.group, stage.tier, m.id})},
           {"binding_rate", binding_rate(*topology, {plan.router, plan.node, plan.pool, stage.group,
                                                     stage.tier, m.id})}});
    const auto rotates = stage.strategy != policy::fallback_strategy::echelon_down;
    const auto attempts = (rotates ? stage.models.size() : 1) + stage.max_retries;
    const bool reachable = !stage.reserve && reached <= (plan.fallback ? plan.max_moves : 0);
    if (reachable) worst += static_cast<double>(attempts) * seconds(stage.timeout);
    ++reached;
    stages.push_back({{"stage", stage.label},
                      {"strategy", to_string(stage.strategy)},
                      {"timeout_s", seconds(stage.timeout)},
                      {"max_retries", stage.max_retries},
                      {"most_attempts", attempts},
                      {"reachable", reachable},
                      {"reserve", stage.reserve},
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
  return explain_text(explain_json(config, target));
}

std::string explain_text(const json& x) {
  const auto text_of = [](const json& limit) {
    return limit.is_null() ? std::string{"none"}
                           : limit["limit"].dump() + " by " + limit["actor"].get<std::string>();
  };
  std::string text = "target " + x["target"].get<std::string>() + ": deadline "
                     + x["total_timeout_s"].dump() + " s, worst case " + x["worst_case_s"].dump()
                     + " s, at most " + x["max_moves"].dump() + " moves to other tiers"
                     + (x["pool_rotates"] ? "; the pool rotates its members" : "") + '\n';
  const bool live = x.contains("chosen");
  const auto refusal = [](const json& of) {
    const auto why = of.contains("refuses") ? of["refuses"] : json();
    return why.is_string() ? why.get<std::string>() : std::string{};
  };
  for (const auto& level : x["levels"]) {
    const auto why = refusal(level);
    text += "through " + level["actor"].get<std::string>() + (why.empty() ? "" : ": " + why) + '\n';
  }
  const auto row = [&](const std::vector<std::string>& cells) {
    const int widths[] = {3, 32, 28, 10, 8, 8, 34, 34, 14};
    for (std::size_t i = 0; i < cells.size(); ++i) {
      text += cells[i];
      if (i + 1 < cells.size())
        text.append(static_cast<std::size_t>(
                        std::max(1, widths[i] + 1 - static_cast<int>(cells[i].size()))),
                    ' ');
    }
    text += '\n';
  };
  row({"#", "STAGE", "MODEL", "PROVIDER", "TIMEOUT", "RETRIES", "MOST AT ONCE", "MOST A MINUTE",
       "BREAKER", live ? "NOW" : ""});
  int number = 0;
  for (const auto& stage : x["stages"]) {
    ++number;
    for (const auto& m : stage["models"]) {
      const auto& own = m["limits"];
      const auto breaker =
          own["failure_threshold"].dump() + " / " + own["recovery_time_s"].dump() + " s";
      auto now = stage["reachable"] ? std::string{} : "(beyond global_fallback.max_attempts)";
      if (stage.value("reserve", false)) now = "only by cause";
      if (live) now = refusal(m).empty() ? "can start" : refusal(m);
      row({std::to_string(number), stage["stage"].get<std::string>(), m["model"].get<std::string>(),
           m["provider"].get<std::string>(), stage["timeout_s"].dump() + " s",
           stage["max_retries"].dump(), text_of(m["binding_concurrency"]),
           text_of(m["binding_rate"]), breaker, now});
    }
  }
  if (live)
    text += x["chosen"].is_null()
                ? "now: nothing could start\n"
                : "now: " + x["chosen"]["stage"].get<std::string>() + " with "
                      + x["chosen"]["model"].get<std::string>()
                      + " (which model of a tier is first is up to its rotation)\n";
  return text;
}

} // namespace echelon::config
