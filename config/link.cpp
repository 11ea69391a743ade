// References between sections: resolved, inferred, or reported.
#include "config/sections.hpp"

#include <algorithm>
#include <set>

namespace echelon::config {

namespace {

struct vendor {
  const char* prefix;
  const char* provider;
  provider_kind kind;
  const char* url;
  const char* variable;
};

constexpr vendor vendors[] = {
    {"openai-", "openai", provider_kind::openai, "https://api.openai.com/v1", "OPENAI_API_KEY"},
    {"anthropic-", "anthropic", provider_kind::anthropic, "https://api.anthropic.com",
     "ANTHROPIC_API_KEY"},
    {"gemini-", "gemini", provider_kind::gemini, "https://generativelanguage.googleapis.com",
     "GEMINI_API_KEY"},
};

/// Vendors' ids of the well-known names.
std::string vendor_id(const std::string& name, const std::string& rest) {
  static const std::map<std::string, std::string> known{
      {"openai-gpt4", "gpt-4"},
      {"openai-gpt4-turbo", "gpt-4-turbo"},
      {"openai-gpt3.5-turbo", "gpt-3.5-turbo"},
      {"anthropic-claude-3-opus", "claude-3-opus-20240229"},
      {"anthropic-claude-3-sonnet", "claude-3-sonnet-20240229"},
      {"anthropic-claude-3-haiku", "claude-3-haiku-20240307"},
  };
  const auto i = known.find(name);
  if (i != known.end()) return i->second;
  return name.rfind("gemini-", 0) == 0 ? name : rest;
}

void infer_model(loading& x, const named_ref& ref) {
  auto& config = x.config;
  for (const auto& v : vendors) {
    if (ref.name.rfind(v.prefix, 0) != 0) continue;
    model_config model;
    model.name = ref.name;
    model.provider = v.provider;
    model.model = vendor_id(ref.name, ref.name.substr(std::string_view{v.prefix}.size()));
    config.models[ref.name] = model;
    x.model_at[ref.name] = ref.at;
    if (config.providers.count(v.provider) == 0) {
      provider_config provider;
      provider.name = v.provider;
      provider.kind = v.kind;
      provider.base_url = v.url;
      provider.simulate = x.simulate;
      if (const auto key = x.env(v.variable); key && !key->empty())
        provider.api_keys.push_back(*key);
      config.providers[v.provider] = provider;
    }
    x.out.warn(ref.at, "undefined-model",
               "model '" + ref.name + "' is not defined under models; taken as " + model.model
                   + " of provider " + v.provider + " by its prefix");
    return;
  }
  std::vector<std::string> known;
  for (const auto& [name, m] : config.models)
    known.push_back(name);
  x.out.error(ref.at, "unknown-model",
              ref.path + " names model '" + ref.name + "', which is not defined under models"
                  + hint(ref.name, known));
}

void link_models(loading& x) {
  std::set<std::string> told;
  for (const auto& [ref, tier] : x.model_refs)
    if (x.config.models.count(ref.name) == 0 && told.insert(ref.name).second) infer_model(x, ref);
  std::vector<std::string> known;
  for (const auto& [name, p] : x.config.providers)
    known.push_back(name);
  for (const auto& [name, model] : x.config.models)
    if (!model.provider.empty() && x.config.providers.count(model.provider) == 0)
      x.out.error(x.model_limit_at[name], "unknown-provider",
                  "models." + name + " names provider '" + model.provider
                      + "', which is not defined" + hint(model.provider, known));
}

std::vector<std::string> group_names(const RouterConfig& config) {
  std::vector<std::string> known;
  for (const auto& g : config.groups) {
    known.push_back(g.name);
    for (const auto& t : g.tiers)
      known.push_back(g.name + '.' + t.name);
  }
  return known;
}

/// Looks up `group` or `group.tier`. Missing: reported as an error or a warning.
std::optional<group_ref> resolve(const RouterConfig& config, diagnostics& out, const named_ref& ref,
                                 bool fatal) {
  const auto dot = ref.name.find('.');
  group_ref found{ref.name.substr(0, dot),
                  dot == std::string::npos ? "" : ref.name.substr(dot + 1)};
  const bool there = dot == std::string::npos ? config.group(found.group) != nullptr
                                              : config.tier(found) != nullptr;
  if (there) return found;
  const auto text = ref.path + " names '" + ref.name + "', which does not exist"
                    + hint(ref.name, group_names(config));
  if (fatal)
    out.error(ref.at, "dangling-reference", text);
  else
    out.warn(ref.at, "dangling-reference", text + "; it is skipped");
  return std::nullopt;
}

std::uint32_t total_rpm(const RouterConfig& config, const group_ref& ref) {
  std::uint64_t sum = 0;
  if (const auto* group = config.group(ref.group))
    for (const auto& tier : group->tiers)
      if (ref.tier.empty() || ref.tier == tier.name) sum += tier.rpm_limit.value_or(0);
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(sum, 1, 1'000'000'000));
}

void link_pools(loading& x) {
  for (std::size_t i = 0; i < x.pools.size(); ++i) {
    auto& pool = x.config.pools[i];
    for (const auto& ref : x.pools[i].members) {
      const auto found = resolve(x.config, x.out, ref, false);
      if (!found) continue;
      if (std::find(pool.members.begin(), pool.members.end(), *found) != pool.members.end()) {
        x.out.warn(ref.at, "repeated-member", ref.path + " names '" + ref.name + "' twice");
        continue;
      }
      pool.members.push_back(*found);
      pool.weights.push_back(total_rpm(x.config, *found));
    }
    if (pool.members.empty() && !x.pools[i].members.empty())
      x.out.error(x.pool_at[pool.name], "empty-list",
                  "polling_pools." + pool.name + " has no task group that exists");
  }
}

void link_causes(loading& x) {
  const auto look_up = [&](const std::vector<named_ref>& refs, cause_fallback& to) {
    for (const auto& ref : refs)
      if (const auto found = resolve(x.config, x.out, ref, false)) to.groups.push_back(*found);
  };
  for (auto& group : x.config.groups) {
    look_up(x.causes[group.name].overflow, group.on_context_overflow);
    look_up(x.causes[group.name].policy, group.on_content_policy);
  }
}

bool pool_has(const pool_config& pool, const group_ref& ref) {
  return std::any_of(pool.members.begin(), pool.members.end(), [&](const auto& m) {
    return m.group == ref.group && (m.tier.empty() || m.tier == ref.tier);
  });
}

void check_collisions(loading& x) {
  std::map<std::string, std::string> kinds;
  const auto claim = [&](const std::string& name, const char* kind, const place& at) {
    const auto [i, fresh] = kinds.emplace(name, kind);
    if (!fresh && i->second != kind)
      x.out.error(at, "name-collision",
                  std::string{kind} + " '" + name + "' has the name of a " + i->second
                      + "; targets need different names");
  };
  for (const auto& g : x.config.groups)
    claim(g.name, "task group", x.group_at[g.name]);
  for (const auto& [label, at] : x.tier_at)
    claim(label, "tier", at);
  for (const auto& p : x.config.pools)
    claim(p.name, "polling pool", x.pool_at[p.name]);
  for (std::size_t i = 0; i < x.nodes.size(); ++i)
    claim(x.config.nodes[i].name, "workflow node", x.nodes[i].at);
  for (const auto& [name, at] : x.model_at)
    claim(name, "model", at);
}

} // namespace

void link_node(const RouterConfig& config, diagnostics& out, const std::string& path,
               node_config& node, const node_refs& refs) {
  if (!refs.llm_group.name.empty()) {
    if (const auto found = resolve(config, out, refs.llm_group, true)) node.llm_group = *found;
  }
  const bool whole = !node.llm_group.group.empty() && node.llm_group.tier.empty();
  if (whole && !node.task_type.empty()) {
    if (config.tier({node.llm_group.group, node.task_type}) != nullptr)
      node.llm_group.tier = node.task_type;
    else
      out.error(refs.llm_group.at, "dangling-reference",
                path + ".task_type names tier '" + node.task_type + "', which group '"
                    + node.llm_group.group + "' does not have");
  }
  for (const auto& ref : refs.fallback_groups) {
    const auto found = resolve(config, out, ref, false);
    if (!found) continue;
    const bool again =
        *found == node.llm_group
        || std::find(node.fallback_groups.begin(), node.fallback_groups.end(), *found)
               != node.fallback_groups.end();
    if (again)
      out.warn(ref.at, "repeated-fallback",
               ref.path + " names '" + ref.name + "' again; it is tried once");
    else
      node.fallback_groups.push_back(*found);
  }
  if (node.polling_pool.empty()) return;
  const auto* pool = config.pool(node.polling_pool);
  if (pool == nullptr) {
    std::vector<std::string> known;
    for (const auto& p : config.pools)
      known.push_back(p.name);
    out.warn(refs.polling_pool.at, "dangling-reference",
             refs.polling_pool.path + " names '" + node.polling_pool + "', which does not exist"
                 + hint(node.polling_pool, known) + "; it is skipped");
    node.polling_pool.clear();
  } else if (!node.llm_group.group.empty() && !pool_has(*pool, node.llm_group)) {
    out.warn(refs.polling_pool.at, "pool-lacks-group",
             refs.polling_pool.path + " is '" + node.polling_pool
                 + "', whose task_groups lack the node's own group '" + node.llm_group.str() + "'");
  }
}

void link(loading& x) {
  link_models(x);
  link_pools(x);
  link_causes(x);
  link_clients(x);
  for (std::size_t i = 0; i < x.nodes.size(); ++i)
    link_node(x.config, x.out, "workflow_nodes." + x.config.nodes[i].name, x.config.nodes[i],
              x.nodes[i]);
  check_collisions(x);
  for (auto& group : x.config.groups)
    if (!x.own_breaker[group.name]) group.breaker = x.config.fallback.breaker;
}

} // namespace echelon::config
