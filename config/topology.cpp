#include "config/topology.hpp"

#include <algorithm>
#include <set>

namespace echelon::config {
namespace {

using policy::actor_spec;
using policy::id_of;
using policy::level;
using policy::path_id;

std::string tier_path(const std::string& group, const std::string& tier) {
  return "echelon/" + group + '.' + tier;
}

class builder {
public:
  explicit builder(const RouterConfig& config)
      : config_(config), router_(config.router_gate().rate ? id_of("router/global") : 0) {}

  policy::topology_ptr build() {
    for (const auto& [name, x] : config_.auth.clients)
      if (x.limited()) add(level::key, "key/" + name, config_.key_gate(x));
    if (router_ != 0) add(level::router, "router/global", config_.router_gate());
    for (const auto& [name, x] : config_.models)
      add(level::model, "model/" + name, config_.model_gate(x));
    for (const auto& x : config_.groups)
      add_group(x);
    for (const auto& x : config_.pools)
      add_pool(x);
    for (const auto& x : config_.nodes)
      add_node(x);
    for (const auto& [name, x] : config_.models) {
      auto plan = start(name);
      policy::stage stage;
      stage.label = name;
      stage.models.push_back(model(name));
      stage.timeout = patience(name);
      plan.stages.push_back(std::move(stage));
      finish(std::move(plan));
    }
    return std::make_shared<const policy::topology>(std::move(result_));
  }

  std::shared_ptr<const policy::plan> plan_of(const node_config& x) const {
    auto plan = node_plan(x);
    add_reserves(plan);
    return std::make_shared<const policy::plan>(std::move(plan));
  }

private:
  actor_spec& add(level at, const std::string& path, policy::gate_settings gate) {
    auto& spec = result_.actors[id_of(path)];
    spec.id = id_of(path);
    spec.place = spec.id;
    spec.at = at;
    spec.path = path;
    spec.gate = std::move(gate);
    return spec;
  }

  policy::plan start(const std::string& target) const {
    policy::plan x;
    x.target = target;
    x.router = router_;
    x.total_timeout = config_.server.total_timeout;
    x.fallback = config_.fallback.enabled;
    x.max_moves = config_.fallback.max_attempts;
    x.retry_delay = config_.fallback.retry_delay;
    return x;
  }

  void finish(policy::plan plan) {
    add_reserves(plan);
    result_.target_names.push_back(plan.target);
    auto name = plan.target;
    result_.targets[std::move(name)] = std::make_shared<const policy::plan>(std::move(plan));
  }

  policy::stage_model model(const std::string& name) const {
    const auto* x = config_.model(name);
    return {id_of("model/" + name), name, x ? x->provider : std::string{},
            x ? x->context_window : std::nullopt};
  }

  policy::stage stage(const group_config& group, const tier_config& tier) const {
    policy::stage x;
    x.group = id_of("group/" + group.name);
    x.tier = id_of(tier_path(group.name, tier.name));
    x.group_name = group.name;
    x.tier_name = tier.name;
    x.label = group.name + '.' + tier.name;
    for (const auto& name : tier.models)
      x.models.push_back(model(name));
    x.group_tiers = group.tiers.size();
    x.strategy = group.strategy;
    x.timeout = tier.timeout;
    x.max_retries = tier.max_retries;
    x.hedge_after = tier.hedge_after;
    x.on_overflow = route(group.on_context_overflow);
    x.on_policy = route(group.on_content_policy);
    return x;
  }

  policy::cause_route route(const cause_fallback& from) const {
    policy::cause_route x;
    x.next = from.next;
    for (const auto& ref : from.groups)
      for (auto tier : tiers_of(ref))
        x.tiers.push_back(tier);
    return x;
  }

  /// The tiers of a reference, in order.
  std::vector<path_id> tiers_of(const group_ref& ref) const {
    std::vector<path_id> found;
    if (const auto* group = config_.group(ref.group))
      for (const auto& tier : group->tiers)
        if (ref.tier.empty() || ref.tier == tier.name)
          found.push_back(id_of(tier_path(group->name, tier.name)));
    return found;
  }

  /// Adds the stages that only a cause leads to. A reserve stage has causes of its own, whose
  /// stages follow, each once.
  void add_reserves(policy::plan& plan) const {
    for (std::size_t i = 0; i < plan.stages.size(); ++i) {
      const auto* group = config_.group(plan.stages[i].group_name);
      if (group == nullptr) continue;
      for (const auto* cause : {&group->on_context_overflow, &group->on_content_policy})
        for (const auto& ref : cause->groups) {
          auto more = stages(ref);
          for (auto& x : more)
            x.reserve = true;
          append(plan, std::move(more));
        }
    }
  }

  /// The stages of a reference: one tier, or a whole group from its first tier down.
  std::vector<policy::stage> stages(const group_ref& ref) const {
    std::vector<policy::stage> found;
    const auto* group = config_.group(ref.group);
    if (group == nullptr) return found;
    for (const auto& tier : group->tiers)
      if (ref.tier.empty() || ref.tier == tier.name) found.push_back(stage(*group, tier));
    return found;
  }

  /// A model asked for by itself has the timeout of the most patient tier that uses it.
  policy::duration patience(const std::string& model) const {
    policy::duration longest{0};
    for (const auto& group : config_.groups)
      for (const auto& tier : group.tiers)
        if (std::find(tier.models.begin(), tier.models.end(), model) != tier.models.end())
          longest = std::max(longest, tier.timeout);
    return longest > policy::duration::zero() ? longest : config_.server.total_timeout;
  }

  /// The tiers below a named tier, by priority.
  std::vector<policy::stage> lower_tiers(const group_ref& ref) const {
    std::vector<policy::stage> found;
    const auto* group = config_.group(ref.group);
    if (group == nullptr || ref.tier.empty()) return found;
    bool below = false;
    for (const auto& tier : group->tiers) {
      if (below) found.push_back(stage(*group, tier));
      below = below || tier.name == ref.tier;
    }
    return found;
  }

  static void append(policy::plan& plan, std::vector<policy::stage> more, path_id member = 0) {
    for (auto& x : more) {
      const bool known = std::any_of(plan.stages.begin(), plan.stages.end(),
                                     [&](const auto& y) { return y.tier == x.tier; });
      if (known) continue;
      x.pool_member = member;
      plan.stages.push_back(std::move(x));
    }
  }

  void add_group(const group_config& x) {
    add(level::group, "group/" + x.name, config_.group_gate(x));
    for (std::size_t i = 0; i < x.tiers.size(); ++i) {
      const auto& tier = x.tiers[i];
      auto& spec = add(level::tier, tier_path(x.name, tier.name), config_.tier_gate(x, tier));
      spec.slow_start = x.slow_start;
      spec.place = id_of("group/" + x.name);
      for (const auto& name : tier.models) {
        spec.members.push_back(id_of("model/" + name));
        const auto* m = config_.model(name);
        spec.weights.push_back(m ? m->weight : 1);
      }
      if (i + 1 < x.tiers.size()) spec.lower = id_of(tier_path(x.name, x.tiers[i + 1].name));
      auto plan = start(x.name + '.' + tier.name);
      append(plan, stages({x.name, tier.name}));
      // A named tier is where its group is entered; the strategy goes down from there.
      append(plan, lower_tiers({x.name, tier.name}));
      finish(std::move(plan));
    }
    auto plan = start(x.name);
    append(plan, stages({x.name, {}}));
    finish(std::move(plan));
  }

  static path_id member_id(const group_ref& ref) {
    return ref.tier.empty() ? id_of("group/" + ref.group) : id_of(tier_path(ref.group, ref.tier));
  }

  void add_pool(const pool_config& x) {
    auto& spec = add(level::pool, "pool/" + x.name, config_.pool_gate(x));
    spec.rotation = x.rotation;
    spec.order = x.order;
    spec.weights = x.weights;
    spec.ejection = {x.failure_threshold, x.recovery_time, 1};
    spec.health_check_interval = x.health_check_interval;
    spec.slow_start = x.slow_start;
    auto plan = start(x.name);
    plan.pool = spec.id;
    plan.rotates = true;
    for (const auto& ref : x.members) {
      const auto first = stages(ref);
      if (first.empty()) continue;
      spec.members.push_back(first.front().group);
      spec.member_routes.push_back({first.front().tier});
      spec.member_ids.push_back(member_id(ref));
      append(plan, first, member_id(ref));
    }
    spec.weights.resize(spec.members.size(), 1);
    finish(std::move(plan));
  }

  void add_node(const node_config& x) {
    add(level::node, "node/" + x.name, config_.node_gate(x));
    auto plan = node_plan(x);
    plan.node = id_of("node/" + x.name);
    finish(std::move(plan));
  }

  policy::plan node_plan(const node_config& x) const {
    auto plan = start(x.name);
    if (x.timeout) plan.total_timeout = *x.timeout;
    plan.own_timeout = x.timeout.has_value();
    const auto* pool = x.polling_pool.empty() ? nullptr : config_.pool(x.polling_pool);
    const auto member_of = [&](const group_ref& ref) -> path_id {
      if (pool == nullptr) return 0;
      for (const auto& m : pool->members)
        if (m.group == ref.group && (m.tier.empty() || m.tier == ref.tier)) return member_id(m);
      return 0;
    };
    append(plan, stages(x.llm_group), member_of(x.llm_group));
    // Without places of its own to go, a node falls back as its group does.
    if (!x.own_fallback && x.fallback_groups.empty() && pool == nullptr)
      append(plan, lower_tiers(x.llm_group));
    for (const auto& ref : x.fallback_groups)
      append(plan, stages(ref), member_of(ref));
    if (pool != nullptr) {
      plan.pool = id_of("pool/" + pool->name);
      for (const auto& ref : pool->members)
        append(plan, stages(ref), member_id(ref));
    }
    if (x.max_retries)
      for (auto& stage : plan.stages)
        stage.max_retries = *x.max_retries;
    return plan;
  }

  const RouterConfig& config_;
  policy::topology result_;
  const path_id router_; // 0: it has no limiter.
};

} // namespace

policy::topology_ptr make_topology(const RouterConfig& config) {
  return builder{config}.build();
}

std::shared_ptr<const policy::plan> plan_of(const RouterConfig& config, const node_config& node) {
  return builder{config}.plan_of(node);
}

std::shared_ptr<const policy::plan> plan_for(const policy::topology& topology,
                                             std::string_view target,
                                             const std::vector<std::string>& fallbacks,
                                             std::string& unknown) {
  const auto found = topology.targets.find(std::string{target});
  if (found == topology.targets.end()) return nullptr;
  if (fallbacks.empty()) return found->second;
  auto plan = *found->second;
  for (const auto& name : fallbacks) {
    const auto more = topology.targets.find(name);
    if (more == topology.targets.end()) {
      unknown = name;
      return nullptr;
    }
    for (auto stage : more->second->stages) {
      // A tier named as a fallback is that tier alone, as in a node's fallback_groups.
      if (name.find('.') != std::string::npos && stage.label != name) continue;
      const auto same = [&](const auto& x) { return x.label == stage.label; };
      const auto known = std::find_if(plan.stages.begin(), plan.stages.end(), same);
      if (known != plan.stages.end() && (!known->reserve || stage.reserve)) continue;
      // What was a reserve comes in its own turn now.
      if (known != plan.stages.end()) plan.stages.erase(known);
      plan.stages.push_back(std::move(stage));
    }
  }
  // Every fallback that the caller named may be reached.
  plan.fallback = true;
  plan.max_moves =
      std::max<std::uint32_t>(plan.max_moves, static_cast<std::uint32_t>(fallbacks.size()));
  return std::make_shared<const policy::plan>(std::move(plan));
}

} // namespace echelon::config
