#include "gateway/explain.hpp"

#include "config/explain.hpp"

#include <nlohmann/json.hpp>

#include <map>

namespace echelon::gateway {
namespace {

using nlohmann::json;
using by_path = std::map<std::string, const messages::actor_state*>;

/// Why an actor would refuse one more request now; empty: it would not.
std::string refusal_of(const messages::actor_state& x) {
  if (x.closed_for_ns > 0)
    return (x.benched ? "benched for another " : "breaker open for another ")
           + std::to_string((x.closed_for_ns + 999'999) / 1'000'000) + " ms";
  if (x.permits_limit >= 0 && x.permits_used >= x.permits_limit)
    return "all " + std::to_string(x.permits_limit) + " permits in use"
           + (x.waiting < x.queue_size
                  ? ", " + std::to_string(x.waiting) + " of " + std::to_string(x.queue_size)
                        + " places of its queue taken"
                  : ", its queue is full");
  if (x.rate_limit >= 0 && x.rate_available <= 0) return "its rate is spent";
  if (x.tokens_limit >= 0 && x.tokens_used >= x.tokens_limit) return "its tokens are spent";
  return {};
}

json state_json(const messages::actor_state& x) {
  return {{"permits_used", x.permits_used},
          {"waiting", x.waiting},
          {"rate_available", x.rate_available < 0 ? json() : json(x.rate_available)},
          {"breaker", x.breaker},
          {"failures", x.failures},
          {"closed_for_ms", x.closed_for_ns / 1'000'000},
          {"benched", x.benched},
          {"node", x.node.empty() ? json() : json(x.node)}};
}

/// Adds what the actor of `gate` says now to `to`. @returns Why it refuses.
std::string add_now(json& to, const json& gate, const by_path& states) {
  if (!gate.is_object()) return {};
  const auto i = states.find(gate.value("actor", ""));
  if (i == states.end()) return gate.value("actor", "") + " cannot be reached";
  to["now"] = state_json(*i->second);
  const auto why = refusal_of(*i->second);
  return why.empty() ? why : i->second->path + ": " + why;
}

json text_or_null(const std::string& x) {
  return x.empty() ? json() : json(x);
}

/// Members that the pool has put out.
std::map<std::string, bool> ejected(const snapshot& config, const messages::actor_state* pool) {
  std::map<std::string, bool> found;
  if (pool != nullptr)
    for (const auto& m : pool->members)
      found[std::string{config.topology->path(m.id)}] = m.ejected;
  return found;
}

} // namespace

std::optional<json> explain_now(const snapshot& config, const std::string& target,
                                const std::vector<messages::actor_state>& all) {
  const auto plan = config.topology->targets.find(target);
  if (plan == config.topology->targets.end()) return std::nullopt;
  auto x = config::explain_json(*config.config, target);
  by_path states;
  for (const auto& s : all)
    states[s.path] = &s;
  std::string blocked; // Of all stages.
  const messages::actor_state* pool = nullptr;
  for (auto& level : x["levels"]) {
    const auto why = add_now(level, level, states);
    level["refuses"] = text_or_null(why);
    if (blocked.empty()) blocked = why;
    if (const auto i = states.find(level.value("actor", ""));
        i != states.end() && i->second->level == "pool")
      pool = i->second;
  }
  const auto out = ejected(config, pool);
  json chosen;
  auto& stages = x["stages"];
  for (std::size_t i = 0; i < stages.size(); ++i) {
    auto& stage = stages[i];
    std::string why = blocked;
    if (const auto member = config.topology->path(plan->second->stages[i].pool_member);
        why.empty() && out.count(std::string{member}) != 0 && out.at(std::string{member}))
      why = "the pool has ejected " + std::string{member};
    for (const char* level : {"group", "tier"}) {
      auto& own = stage[level];
      const auto refused = add_now(own, json(own), states);
      if (why.empty()) why = refused;
    }
    if (why.empty() && !stage.value("reachable", true)) why = "beyond global_fallback.max_attempts";
    if (plan->second->stages[i].reserve) why = "only by on_context_overflow or on_content_policy";
    stage["refuses"] = text_or_null(why);
    for (auto& model : stage["models"]) {
      const auto own = add_now(model, json(model["limits"]), states);
      const auto& reason = why.empty() ? own : why;
      model["refuses"] = text_or_null(reason);
      if (chosen.is_null() && reason.empty())
        chosen = {{"stage", stage["stage"]}, {"model", model["model"]}};
    }
  }
  x["chosen"] = std::move(chosen);
  return x;
}

} // namespace echelon::gateway
