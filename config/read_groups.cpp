// task_groups and what tiers and nodes share.
#include "config/sections.hpp"

#include <algorithm>

namespace echelon::config {

using policy::fallback_strategy;

bool check_name(const yaml_node& key, const std::string& what, diagnostics& out) {
  // Names go into headers and metrics: no control characters either.
  const auto bad = [](unsigned char c) {
    return c <= ' ' || c == 0x7F || c == '.' || c == ',' || c == '/';
  };
  if (!key.text.empty() && key.text.size() <= 128
      && std::none_of(key.text.begin(), key.text.end(), bad))
    return true;
  out.error(key.at, "bad-name",
            "the name of " + what
                + " must be 1 to 128 characters without dot, comma, slash or blank, not '"
                + key.text.substr(0, 60) + "'");
  return false;
}

void read_parameters(map_reader& from, tier_parameters& to) {
  const word_list<std::string> formats{{"text", "text"}, {"json", "json"}};
  const word_list<std::string> calling{
      {"auto", "auto"}, {"required", "required"}, {"none", "none"}};
  if (const auto v = from.number("temperature")) to.temperature = v;
  if (const auto v = from.one_of("response_format", formats)) to.response_format = *v;
  if (const auto v = from.one_of("function_calling", calling)) to.function_calling = *v;
  if (const auto node = from.take("thinking_config")) {
    map_reader in{node, from.path("thinking_config"), thinking_schema(), from.out()};
    thinking_config thinking;
    thinking.enabled = in.boolean("enabled").value_or(false);
    if (const auto budget = in.count("budget_tokens")) thinking.budget_tokens = budget;
    in.finish();
    to.thinking = thinking;
  }
}

namespace {

policy::breaker_settings read_breaker(const yaml_ptr& node, const std::string& path,
                                      diagnostics& out) {
  map_reader in{node, path, breaker_schema(), out};
  policy::breaker_settings x;
  if (const auto v = in.count("failure_threshold")) x.failure_threshold = *v;
  if (const auto v = in.seconds("recovery_time")) x.recovery_time = *v;
  if (const auto v = in.count("half_open_requests")) x.half_open_requests = *v;
  in.finish();
  return x;
}

void read_tier(loading& x, group_config& group, const yaml_node& key, const yaml_ptr& node) {
  map_reader in{node, "task_groups." + group.name + '.' + key.text, tier_schema(), x.out};
  const auto label = group.name + '.' + key.text;
  tier_config tier;
  tier.name = key.text;
  if (in.find("models") == nullptr) {
    x.out.error(key.at, "missing-key", in.path() + " needs models, a list of model names");
  } else if (const auto models = in.texts("models")) {
    if (models->empty())
      x.out.error(in.where("models"), "empty-list", in.path("models") + " must name a model");
    const auto& items = in.find("models")->items;
    for (const auto& item : items) {
      if (item->is != yaml_node::kind::scalar) continue;
      if (std::find(tier.models.begin(), tier.models.end(), item->text) != tier.models.end()) {
        x.out.warn(item->at, "repeated-model",
                   in.path("models") + " names '" + item->text + "' twice");
        continue;
      }
      tier.models.push_back(item->text);
      x.model_refs.push_back({{item->text, item->at, in.path("models")}, label});
    }
  }
  tier.concurrency_limit = in.count("concurrency_limit");
  tier.rpm_limit = in.count("rpm_limit");
  if (const auto v = in.integer("priority")) tier.priority = *v;
  if (const auto v = in.seconds("timeout")) tier.timeout = *v;
  if (const auto v = in.count("max_retries")) tier.max_retries = *v;
  tier.hedge_after = in.seconds("hedge_after");
  if (tier.hedge_after && tier.models.size() < 2)
    x.out.warn(in.where("hedge_after"), "never-hedges",
               in.path("hedge_after") + " has no effect: the tier has no second model");
  read_parameters(in, tier.parameters);
  in.finish();
  x.tier_at[label] = key.at;
  x.tier_limit_at[label] = in.where("concurrency_limit");
  x.tier_rpm_at[label] = in.where("rpm_limit");
  group.tiers.push_back(std::move(tier));
}

/// `next`, or a list of groups and tiers.
std::vector<named_ref> read_cause(map_reader& in, const std::string& key, cause_fallback& to) {
  std::vector<named_ref> found;
  const auto* node = in.find(key);
  if (node == nullptr) return found;
  if (node->is == yaml_node::kind::scalar) {
    const word_list<bool> words{{"next", true}};
    to.next = in.one_of(key, words).value_or(false);
  } else if (in.texts(key)) {
    for (const auto& item : node->items)
      if (item->is == yaml_node::kind::scalar)
        found.push_back({item->text, item->at, in.path(key)});
  }
  return found;
}

std::vector<std::string> group_keys() {
  std::vector<std::string> names;
  for (const auto& key : group_schema().keys)
    names.emplace_back(key.name);
  return names;
}

void read_group(loading& x, const yaml_node& name, const yaml_ptr& node) {
  const auto path = "task_groups." + name.text;
  map_reader in{node, path, group_schema(), x.out};
  if (node->is != yaml_node::kind::map) return;
  group_config group;
  group.name = name.text;
  group.description = in.text("description").value_or("");
  const word_list<fallback_strategy> strategies{
      {"echelon_down", fallback_strategy::echelon_down},
      {"provider_failover", fallback_strategy::provider_failover},
      {"model_rotate", fallback_strategy::model_rotate}};
  if (const auto v = in.one_of("fallback_strategy", strategies)) group.strategy = *v;
  if (const auto breaker = in.take("circuit_breaker")) {
    group.breaker = read_breaker(breaker, in.path("circuit_breaker"), x.out);
    x.own_breaker[group.name] = true;
  }
  if (const auto v = in.seconds("slow_start")) group.slow_start = *v;
  auto& causes = x.causes[group.name];
  causes.overflow = read_cause(in, "on_context_overflow", group.on_context_overflow);
  causes.policy = read_cause(in, "on_content_policy", group.on_content_policy);
  for (const auto& [key, value] : node->entries) {
    if (find_key(group_schema(), key->text) != nullptr) continue;
    const bool tier =
        value->is == yaml_node::kind::map
        && std::any_of(value->entries.begin(), value->entries.end(), [](const auto& e) {
             return e.first->text == "models" || e.first->text == "priority";
           });
    if (!tier) {
      x.out.error(key->at, "unknown-key",
                  "unknown key '" + key->text + "' in " + path + hint(key->text, group_keys())
                      + " (a tier is a map with models)");
      continue;
    }
    if (check_name(*key, "a tier", x.out)) read_tier(x, group, *key, value);
  }
  if (group.tiers.empty())
    x.out.error(name.at, "missing-key", path + " has no tier: a map with models");
  std::stable_sort(group.tiers.begin(), group.tiers.end(),
                   [](const auto& a, const auto& b) { return a.priority < b.priority; });
  for (std::size_t i = 1; i < group.tiers.size(); ++i)
    if (group.tiers[i].priority == group.tiers[i - 1].priority)
      x.out.warn(x.tier_at[group.name + '.' + group.tiers[i].name], "equal-priority",
                 "tiers '" + group.tiers[i - 1].name + "' and '" + group.tiers[i].name
                     + "' have the same priority; they are tried in file order");
  x.group_at[group.name] = name.at;
  x.config.groups.push_back(std::move(group));
}

} // namespace

void read_task_groups(loading& x, const yaml_ptr& node) {
  const map_reader in{node, "task_groups", groups_schema(), x.out};
  for (const auto& [key, value] : node->entries)
    if (check_name(*key, "a task group", x.out)) read_group(x, *key, value);
}

void read_global_fallback(loading& x, const yaml_ptr& node) {
  map_reader in{node, "global_fallback", fallback_schema(), x.out};
  auto& to = x.config.fallback;
  if (const auto v = in.boolean("enabled")) to.enabled = *v;
  if (const auto v = in.count("max_attempts")) to.max_attempts = *v;
  if (const auto v = in.seconds("retry_delay")) to.retry_delay = *v;
  if (const auto budget = in.take("retry_budget")) {
    map_reader own{budget, in.path("retry_budget"), budget_schema(), x.out};
    if (const auto v = own.integer("percent"))
      to.retry_budget.percent = static_cast<std::uint32_t>(*v);
    if (const auto v = own.count("min_retries")) to.retry_budget.min_retries = *v;
    own.finish();
  }
  if (const auto breaker = in.take("circuit_breaker"))
    to.breaker = read_breaker(breaker, in.path("circuit_breaker"), x.out);
  in.finish();
}

} // namespace echelon::config
