#include "api/config_inside.hpp"

#include "api/answers.hpp"
#include "config/inline_node.hpp"
#include "config/topology.hpp"

#include <algorithm>

namespace echelon {

namespace {

double seconds(policy::duration x) {
  return std::chrono::duration<double>(x).count();
}

TaskGroupConfig shown(const config::group_config& group, const config::tier_config& tier) {
  TaskGroupConfig x;
  x.group = group.name;
  x.tier = tier.name;
  x.models = tier.models;
  x.priority = tier.priority;
  x.timeout = seconds(tier.timeout);
  x.max_retries = tier.max_retries;
  x.concurrency_limit = tier.concurrency_limit;
  x.rpm_limit = tier.rpm_limit;
  x.temperature = tier.parameters.temperature;
  x.response_format = tier.parameters.response_format;
  x.function_calling = tier.parameters.function_calling;
  if (const auto& t = tier.parameters.thinking)
    x.thinking_config = ThinkingConfig{t->enabled, t->budget_tokens};
  x.fallback_strategy = to_string(group.strategy);
  return x;
}

LlmError unknown(const std::string& kind, const std::string& name,
                 const std::vector<std::string>& known) {
  return api::plain_error(
      ErrorKind::unknown_target,
      "There is no " + kind + " '" + name + "'" + config::hint(name, known) + ".", 404);
}

std::shared_ptr<ConfigManager::impl> loaded(std::shared_ptr<ConfigManager::impl> x) {
  const auto result = config::load_sources(x->sources, x->how);
  std::vector<std::string> errors;
  for (const auto& d : result.diagnostics)
    (d.sev == config::severity::error ? errors : x->warnings).push_back(config::to_string(d));
  if (!result.config) throw api::configuration_error(errors);
  x->config = result.config;
  return x;
}

const config::group_config& group_of(const config::RouterConfig& from, const std::string& name) {
  if (const auto* x = from.group(name)) return *x;
  std::vector<std::string> known;
  for (const auto& g : from.groups)
    known.push_back(g.name);
  throw unknown("task group", name, known);
}

} // namespace

namespace api {

LlmError configuration_error(const std::vector<std::string>& faults) {
  std::string all;
  for (const auto& x : faults)
    all += (all.empty() ? "" : "\n") + x;
  return plain_error(ErrorKind::configuration, all, 0);
}

config::node_config read_node(const config::RouterConfig& config, const NodeConfig& node) {
  std::vector<std::string> faults;
  auto found = config::read_inline_node(config, node.json(), faults);
  if (!found) throw configuration_error(faults);
  return std::move(*found);
}

} // namespace api

ConfigManager::ConfigManager(const std::filesystem::path& path, ConfigOptions options) {
  auto x = std::make_shared<impl>();
  x->path = path;
  x->how.simulate = options.simulate;
  x->how.parts = api::parts_of(options.extensions);
  std::vector<std::string> faults;
  for (const auto& d : config::read_sources(path, x->sources))
    faults.push_back(config::to_string(d));
  if (!faults.empty()) throw api::configuration_error(faults);
  impl_ = loaded(std::move(x));
}

ConfigManager::ConfigManager(std::shared_ptr<impl> x) : impl_(std::move(x)) {}

ConfigManager ConfigManager::from_text(const std::string& yaml, ConfigOptions options,
                                       const std::string& name) {
  auto x = std::make_shared<impl>();
  x->how.simulate = options.simulate;
  x->how.parts = api::parts_of(options.extensions);
  x->sources.push_back({name, yaml});
  return ConfigManager{loaded(std::move(x))};
}

ConfigManager::ConfigManager(const ConfigManager&) = default;
ConfigManager::ConfigManager(ConfigManager&&) noexcept = default;
ConfigManager& ConfigManager::operator=(const ConfigManager&) = default;
ConfigManager& ConfigManager::operator=(ConfigManager&&) noexcept = default;
ConfigManager::~ConfigManager() = default;

TaskGroupConfig ConfigManager::get_task_group_config(const std::string& group,
                                                     const std::string& tier) const {
  const auto& g = group_of(*impl_->config, group);
  std::vector<std::string> known;
  for (const auto& x : g.tiers) {
    if (x.name == tier) return shown(g, x);
    known.push_back(x.name);
  }
  throw unknown("tier of task group '" + group + "' named", tier, known);
}

std::vector<TaskGroupConfig> ConfigManager::get_task_group_config(const std::string& group) const {
  const auto& g = group_of(*impl_->config, group);
  std::vector<TaskGroupConfig> all;
  for (const auto& x : g.tiers)
    all.push_back(shown(g, x));
  return all;
}

std::vector<std::string> ConfigManager::targets() const {
  return config::make_topology(*impl_->config)->target_names;
}

std::vector<std::string> ConfigManager::warnings() const {
  return impl_->warnings;
}

void ConfigManager::check(const NodeConfig& node) const {
  static_cast<void>(api::read_node(*impl_->config, node));
}

} // namespace echelon
