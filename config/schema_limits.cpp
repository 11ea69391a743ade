// Groups, pools, nodes and what limits them.
#include "config/schema.hpp"

namespace echelon::config {

using enum value_kind;

namespace {

std::vector<key_schema> with_parameters(std::vector<key_schema> keys, std::string_view absent) {
  keys.push_back({.name = "temperature",
                  .kind = number,
                  .about = "fills what the client left unset, as do the next three",
                  .least = 0,
                  .most = 2,
                  .absent = absent});
  keys.push_back({.name = "response_format",
                  .kind = word,
                  .about = "",
                  .words = {"text", "json"},
                  .absent = absent});
  keys.push_back({.name = "function_calling",
                  .kind = word,
                  .about = "",
                  .words = {"auto", "required", "none"},
                  .absent = absent});
  keys.push_back({.name = "thinking_config",
                  .kind = map,
                  .about = "",
                  .inner = &thinking_schema(),
                  .absent = absent});
  return keys;
}

std::vector<key_schema> bucket_keys(bool needed) {
  return {
      {.name = "bucket_size", .kind = whole, .about = "most requests at once", .required = needed},
      {.name = "refill_rate",
       .kind = number,
       .about = "requests per second",
       .least = 0.000001,
       .most = 1'000'000'000,
       .required = needed},
  };
}

std::vector<key_schema> window_keys(bool needed) {
  return {
      {.name = "window_size", .kind = seconds, .about = "length of the window", .required = needed},
      {.name = "max_requests", .kind = whole, .about = "in any such window", .required = needed},
  };
}

const std::vector<std::string_view> algorithm_words{"token_bucket", "sliding_window"};

} // namespace

const section& groups_schema() {
  static const section x{"task_groups", {}, &group_schema(), "group"};
  return x;
}

const section& group_schema() {
  static const section x{
      "task_groups.<group>",
      {
          {.name = "description", .about = "for people", .absent = "empty"},
          {.name = "fallback_strategy",
           .kind = word,
           .about = "where a failed attempt goes next, see [semantics](semantics.md)",
           .preset = "echelon_down",
           .words = {"echelon_down", "provider_failover", "model_rotate"}},
          {.name = "circuit_breaker",
           .kind = map,
           .about = "of the group and its tiers",
           .inner = &breaker_schema(),
           .absent = "that of `global_fallback`"},
          {.name = "on_context_overflow",
           .kind = cause,
           .about = "where a request goes whose prompt a model found too long; `next`: on by the "
                    "usual order, past models whose `context_window` is not larger"},
          {.name = "on_content_policy",
           .kind = cause,
           .about = "where a request goes that a model's content filter refused"},
          {.name = "slow_start",
           .kind = seconds,
           .about = "how long a model that comes back gets less than its share of its tier",
           .preset = "10",
           .least = 0},
      },
      &tier_schema(),
      "tier"};
  return x;
}

const section& tier_schema() {
  static const section x{
      "task_groups.<group>.<tier>",
      with_parameters(
          {
              {.name = "models",
               .kind = texts,
               .about =
                   "names of models, at least one; they take turns, see [semantics](semantics.md)",
               .required = true},
              {.name = "priority",
               .kind = whole,
               .about = "lowest first; equal ones in file order, with a warning",
               .preset = "0",
               .least = -1'000'000,
               .most = 1'000'000},
              {.name = "concurrency_limit",
               .kind = whole,
               .about = "attempts at once; its queue is that of `echelon_level`",
               .absent = "`echelon_level`, else none"},
              {.name = "rpm_limit", .kind = whole, .about = "attempts in any 60 s"},
              {.name = "timeout", .kind = seconds, .about = "of one attempt", .preset = "60"},
              {.name = "max_retries",
               .kind = whole,
               .about = "retries in this tier",
               .preset = "0",
               .least = 0},
              {.name = "hedge_after",
               .kind = seconds,
               .about = "a second attempt on another model of the tier, when the first has not "
                        "begun to answer"},
          },
          "none")};
  return x;
}

const section& thinking_schema() {
  static const section x{"thinking_config",
                         {
                             {.name = "enabled",
                              .kind = flag,
                              .about = "the model thinks before it answers",
                              .preset = "false"},
                             // The smallest budget that Anthropic's API takes.
                             {.name = "budget_tokens",
                              .kind = whole,
                              .about = "most that it thinks",
                              .least = 1024,
                              .unit = "LLM tokens"},
                         }};
  return x;
}

const section& breaker_schema() {
  static const section x{"circuit_breaker",
                         {
                             {.name = "failure_threshold",
                              .kind = whole,
                              .about = "consecutive failures that open it",
                              .preset = "5"},
                             {.name = "recovery_time",
                              .kind = seconds,
                              .about = "how long it stays open",
                              .preset = "60"},
                             {.name = "half_open_requests",
                              .kind = whole,
                              .about = "probes at once, and successes that close it",
                              .preset = "1"},
                         }};
  return x;
}

const section& pools_schema() {
  static const section x{"polling_pools", {}, &pool_schema(), "pool"};
  return x;
}

const section& pool_schema() {
  static const section x{
      "polling_pools.<pool>",
      {
          {.name = "description", .about = "for people", .absent = "empty"},
          {.name = "task_groups",
           .kind = texts,
           .about = "members, each `group` or `group.tier`; one that does not exist is skipped "
                    "with a warning, one must exist",
           .required = true},
          {.name = "rotation_strategy",
           .kind = word,
           .about = "`weighted`: by the `rpm_limit` of the members' tiers, 1 without any",
           .preset = "round_robin",
           .words = {"round_robin", "least_recently_used", "weighted"}},
          {.name = "health_check_interval",
           .kind = seconds,
           .about = "how often an ejected member is asked whether it is back; 0: never, the first "
                    "request after `recovery_time` finds out",
           .preset = "0",
           .least = 0},
          {.name = "failure_threshold",
           .kind = whole,
           .about = "consecutive failures that eject a member",
           .preset = "3"},
          {.name = "recovery_time", .kind = seconds, .about = "how long it is out", .preset = "60"},
          {.name = "slow_start",
           .kind = seconds,
           .about = "how long a member that comes back gets less than its share",
           .preset = "10",
           .least = 0},
          {.name = "rate_limiting",
           .kind = map,
           .about = "requests through the pool",
           .inner = &pool_rate_schema()},
      }};
  return x;
}

const section& pool_rate_schema() {
  static const section x = [] {
    section made{
        "polling_pools.<pool>.rate_limiting",
        {
            {.name = "enabled", .kind = flag, .about = "false: no limit", .preset = "true"},
            {.name = "algorithm",
             .kind = word,
             .about =
                 "needs its two settings below; those of the other may stand there and are idle",
             .words = algorithm_words,
             .absent = "required if enabled"},
        }};
    for (const auto& keys : {bucket_keys(false), window_keys(false)})
      made.keys.insert(made.keys.end(), keys.begin(), keys.end());
    return made;
  }();
  return x;
}

const section& nodes_schema() {
  static const section x{"workflow_nodes", {}, &node_schema(), "node"};
  return x;
}

const section& node_schema() {
  static const section x{
      "workflow_nodes.<node>",
      with_parameters(
          {
              {.name = "type", .kind = word, .about = "", .preset = "llm", .words = {"llm"}},
              {.name = "llm_group",
               .about = "`group` or `group.tier` where the node's requests start; must exist",
               .required = true},
              {.name = "task_type",
               .about = "with a whole group as `llm_group`: the tier of it to use; else a label"},
              {.name = "fallback_groups",
               .kind = texts,
               .about = "each `group` or `group.tier`, tried in order; `[]`: none; one that does "
                        "not exist is skipped with a warning",
               .absent = "the tiers below `llm_group` (none with a pool)"},
              {.name = "polling_pool",
               .about = "its limiter applies, and its other members are the last resort"},
              {.name = "task_config",
               .kind = map,
               .about = "of the node's requests",
               .inner = &task_schema()},
              {.name = "concurrency_config",
               .kind = map,
               .about = "requests at once",
               .inner = &permits_schema(),
               .absent = "`node_level`"},
          },
          "the tier's")};
  return x;
}

const section& task_schema() {
  static const section x{"workflow_nodes.<node>.task_config",
                         with_parameters(
                             {
                                 {.name = "timeout",
                                  .kind = seconds,
                                  .about = "deadline of the whole request",
                                  .absent = "`server.total_timeout`"},
                                 {.name = "max_retries",
                                  .kind = whole,
                                  .about = "in place of every tier's",
                                  .least = 0,
                                  .absent = "the tier's"},
                             },
                             "the tier's")};
  return x;
}

const section& permits_schema() {
  static const section x{"concurrency_config",
                         {
                             {.name = "limit", .kind = whole, .about = "at once", .required = true},
                             {.name = "queue_size",
                              .kind = whole,
                              .about = "that may wait; 0: nobody",
                              .preset = "0",
                              .least = 0},
                         }};
  return x;
}

const section& fallback_schema() {
  static const section x{
      "global_fallback",
      {
          {.name = "enabled",
           .kind = flag,
           .about = "false: no request leaves its first stage",
           .preset = "true"},
          {.name = "max_attempts",
           .kind = whole,
           .about = "moves to other stages that one request may make",
           .preset = "3"},
          {.name = "retry_delay",
           .kind = seconds,
           .about = "base of the wait before a retry",
           .preset = "1",
           .least = 0},
          {.name = "retry_budget",
           .kind = map,
           .about = "retries that one target may make in any 10 s: the larger of the two",
           .inner = &budget_schema()},
          {.name = "circuit_breaker",
           .kind = map,
           .about = "of groups without one, and of all that is in no group",
           .inner = &breaker_schema()},
      }};
  return x;
}

const section& budget_schema() {
  static const section x{"global_fallback.retry_budget",
                         {
                             {.name = "percent",
                              .kind = whole,
                              .about = "of the target's requests in these 10 s",
                              .preset = "20",
                              .least = 0,
                              .most = 1000},
                             {.name = "min_retries",
                              .kind = whole,
                              .about = "that are always allowed",
                              .preset = "20",
                              .least = 0},
                         }};
  return x;
}

const section& concurrency_schema() {
  static const section x{"concurrency_control",
                         {
                             {.name = "enabled",
                              .kind = flag,
                              .about = "false: as if the section was not there",
                              .preset = "true"},
                             {.name = "levels",
                              .kind = maps,
                              .about = "each level at most once",
                              .inner = &level_schema(),
                              .absent = "no level has a limit"},
                         }};
  return x;
}

const section& level_schema() {
  static const section x{"concurrency_control.levels",
                         {
                             {.name = "group_level",
                              .kind = map,
                              .about = "of each task group",
                              .inner = &permits_schema()},
                             {.name = "echelon_level",
                              .kind = map,
                              .about = "of each tier",
                              .inner = &permits_schema()},
                             {.name = "model_level",
                              .kind = map,
                              .about = "of each model",
                              .inner = &permits_schema()},
                             {.name = "node_level",
                              .kind = map,
                              .about = "of each workflow node",
                              .inner = &permits_schema()},
                         }};
  return x;
}

const section& rate_schema() {
  static const section x{
      "rate_limiting",
      {
          {.name = "enabled", .kind = flag, .about = "false: no limit", .preset = "true"},
          {.name = "algorithm",
           .kind = word,
           .about = "whose settings are used",
           .words = algorithm_words,
           .absent = "required if enabled"},
          {.name = "token_bucket", .kind = map, .about = "its settings", .inner = &bucket_schema()},
          {.name = "sliding_window",
           .kind = map,
           .about = "its settings",
           .inner = &window_schema()},
      }};
  return x;
}

const section& bucket_schema() {
  static const section x{"rate_limiting.token_bucket", bucket_keys(true)};
  return x;
}

const section& window_schema() {
  static const section x{"rate_limiting.sliding_window", window_keys(true)};
  return x;
}

} // namespace echelon::config
