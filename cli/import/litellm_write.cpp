#include "cli/import/litellm.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>

namespace echelon::cli::litellm {
namespace {

template <class T>
void set(YAML::Node to, const char* key, const std::optional<T>& x) {
  if (x) to[key] = *x;
}

YAML::Node flow(const std::vector<std::string>& x) {
  YAML::Node list{YAML::NodeType::Sequence};
  for (const auto& item : x)
    list.push_back(item);
  list.SetStyle(YAML::EmitterStyle::Flow);
  return list;
}

const model_group& find(const proxy& x, const std::string& name) {
  return *std::find_if(x.groups.begin(), x.groups.end(),
                       [&](const auto& g) { return g.name == name; });
}

std::vector<std::string> models_of(const model_group& x) {
  std::vector<std::string> names;
  for (std::size_t i = 1; i <= x.deployments.size(); ++i)
    names.push_back(x.name + '/' + std::to_string(i));
  return names;
}

double timeout_of(const proxy& all, const model_group& x) {
  double longest = 0;
  for (const auto& d : x.deployments)
    longest = std::max(longest, d.timeout.value_or(all.timeout));
  return longest;
}

YAML::Node tier_of(const proxy& all, const model_group& of, int priority) {
  YAML::Node tier;
  tier["models"] = flow(models_of(of));
  tier["priority"] = priority;
  tier["timeout"] = timeout_of(all, of);
  tier["max_retries"] = all.retries;
  return tier;
}

YAML::Node group_of(const proxy& all, const model_group& of) {
  YAML::Node group;
  group["deployments"] = tier_of(all, of, 1);
  int priority = 1;
  for (const auto& name : of.fallbacks)
    group["to_" + name] = tier_of(all, find(all, name), ++priority);
  group["fallback_strategy"] = "model_rotate";
  if (!of.on_overflow.empty()) group["on_context_overflow"] = flow(of.on_overflow);
  if (!of.on_policy.empty()) group["on_content_policy"] = flow(of.on_policy);
  return group;
}

/// Time for every attempt that a request of the group may make.
double whole_time(const proxy& all, const model_group& of) {
  const auto one = [&](const model_group& x) {
    return timeout_of(all, x)
           * static_cast<double>(x.deployments.size() + static_cast<std::size_t>(all.retries));
  };
  double sum = one(of);
  for (const auto& name : of.fallbacks)
    sum += one(find(all, name));
  return sum;
}

} // namespace

std::string write(const proxy& x, const std::string& source) {
  YAML::Node root;
  std::size_t most_moves = 1;
  double longest = 1;
  for (const auto& group : x.groups) {
    root["task_groups"][group.name] = group_of(x, group);
    most_moves = std::max(most_moves, group.fallbacks.size());
    longest = std::max(longest, whole_time(x, group));
  }
  for (const auto& [alias, group] : x.aliases) {
    root["workflow_nodes"][alias]["type"] = "llm";
    root["workflow_nodes"][alias]["llm_group"] = group;
  }
  auto fallback = root["global_fallback"];
  fallback["enabled"] = true;
  fallback["max_attempts"] = most_moves;
  fallback["retry_delay"] = x.retry_after;
  fallback["circuit_breaker"]["failure_threshold"] = x.allowed_fails + 1;
  fallback["circuit_breaker"]["recovery_time"] = x.cooldown;
  for (const auto& [name, e] : x.endpoints) {
    auto to = root["providers"][name];
    to["kind"] = e.kind;
    to["base_url"] = e.base_url;
    if (!e.key.empty()) to["api_key"] = e.key;
  }
  for (const auto& group : x.groups) {
    const auto names = models_of(group);
    for (std::size_t i = 0; i < names.size(); ++i) {
      const auto& d = group.deployments[i];
      auto to = root["models"][names[i]];
      to["provider"] = d.endpoint;
      to["model"] = d.model;
      set(to, "rpm_limit", d.rpm);
      set(to, "tpm_limit", d.tpm);
      set(to, "weight", d.weight);
      set(to, "context_window", d.context_window);
      set(to, "max_output_tokens", d.max_output);
      if (d.input_per_mtok || d.output_per_mtok) {
        to["price"]["input_per_mtok"] = d.input_per_mtok.value_or(0);
        to["price"]["output_per_mtok"] = d.output_per_mtok.value_or(0);
      }
    }
  }
  root["server"]["total_timeout"] = std::min(longest, 10000000.0);
  if (!x.master_key.empty()) {
    root["server"]["admin_token"] = x.master_key;
    root["auth"]["keys"]["master"] = x.master_key;
  }
  YAML::Emitter out;
  out.SetDoublePrecision(9);
  out << root;
  return "# Converted by `echelon import litellm` from " + source + ".\n" + out.c_str() + '\n';
}

} // namespace echelon::cli::litellm
