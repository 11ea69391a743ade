/// The hierarchy as data: every actor with its gate, and the plan of every target.
#pragma once

#include "policy/rotation.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace echelon::policy {

/// Identifies an actor by its path (`echelon/plan_group.echelon1`), the same on every node.
using path_id = std::uint64_t;

/// FNV-1a, 64 bit (Fowler, Noll, Vo).
[[nodiscard]] constexpr path_id id_of(std::string_view path) {
  path_id hash = 14695981039346656037ULL;
  for (const char c : path) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 1099511628211ULL;
  }
  return hash;
}

/// One actor of the hierarchy.
struct actor_spec {
  path_id id = 0;
  path_id place = 0; ///< What decides on which node it lives: a group and its tiers share it.
  level at = level::model;
  std::string path;
  gate_settings gate;
  /// Tier: its models. Pool: the first actor below it of each member (a group). Others: empty.
  std::vector<path_id> members;
  std::vector<std::uint32_t> weights; ///< One per member.
  rotation_strategy rotation = rotation_strategy::weighted;
  custom_rotation order; ///< Of rotation `custom`; the code of a host program.
  /// Pool: the way on from each member's group (its first tier), one per member.
  std::vector<std::vector<path_id>> member_routes;
  /// Pool: identity of each member, `pool_member` of stages.
  std::vector<path_id> member_ids;
  breaker_settings ejection;        ///< Pool: when a member is put out.
  duration health_check_interval{}; ///< Pool: active checks of ejected members; 0: none.
  duration slow_start{};            ///< Tier, pool: of members that come back.
  path_id lower = 0;                ///< Tier: the next tier by priority; 0: none.
  bool operator==(const actor_spec&) const = default;
};

/// A model as a stage sees it.
struct stage_model {
  path_id id = 0;
  std::string name;                                           ///< `openai-gpt4`
  std::string provider;                                       ///< Key of the provider.
  std::optional<std::uint32_t> context_window = std::nullopt; ///< LLM tokens.
};

/// Where a request goes from a stage for one cause; neither: nowhere.
struct cause_route {
  bool next = false;          ///< On by the usual order.
  std::vector<path_id> tiers; ///< To these stages and nowhere else.
};

/// One tier (or one plain model) in the order in which a request tries them.
struct stage {
  path_id group = 0;       ///< 0: a model by itself.
  path_id tier = 0;        ///< 0: a model by itself.
  path_id pool_member = 0; ///< Member of the pool that this stage belongs to; 0: none.
  std::string group_name;
  std::string tier_name;
  std::string label; ///< `plan_group.echelon2`, or the model's name.
  std::vector<stage_model> models;
  std::size_t group_tiers = 0; ///< How many tiers its group has, in this plan or not.
  fallback_strategy strategy = fallback_strategy::echelon_down;
  duration timeout{};
  std::uint32_t max_retries = 0;
  std::optional<duration> hedge_after;
  cause_route on_overflow, on_policy;
  bool reserve = false; ///< Reached by a cause alone.
};

/// How a request for one target goes.
struct plan {
  std::string target;
  path_id router = 0, node = 0, pool = 0; ///< 0: not on the way.
  bool rotates = false;                   ///< The pool chooses the order of its members' stages.
  std::vector<stage> stages;              ///< Each (group, tier) once.
  duration total_timeout{};               ///< Default deadline of this target.
  bool own_timeout = false;    ///< It is the target's own: a caller may shorten it, not extend it.
  bool fallback = true;        ///< May leave its first stage.
  std::uint32_t max_moves = 3; ///< Moves to another tier or group.
  duration retry_delay{};      ///< Base of the backoff.
};

struct topology {
  std::unordered_map<path_id, actor_spec> actors;
  std::unordered_map<std::string, std::shared_ptr<const plan>> targets;
  std::vector<std::string> target_names; ///< Nodes, pools, groups, tiers, models.
  [[nodiscard]] const actor_spec* find(path_id id) const;
  [[nodiscard]] std::string_view path(path_id id) const;
};

using topology_ptr = std::shared_ptr<const topology>;

} // namespace echelon::policy
