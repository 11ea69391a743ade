// The sample configuration, whole and split.
#include "support.hpp"

#include "config/topology.hpp"

namespace echelon::config::test {
namespace {

std::string inferred(const std::string& place, const std::string& name, const std::string& model,
                     const std::string& provider) {
  return place + ": warning: model '" + name + "' is not defined under models; taken as " + model
         + " of provider " + provider + " by its prefix [undefined-model]\n";
}

TEST_CASE("CONFIG.5 the sample runs as it is, with exactly these warnings") {
  const auto result = load(source("tests/config/data/seed.yaml"), with({}));
  CHECK(
      told(result)
      == inferred("6:16", "openai-gpt4", "gpt-4", "openai")
             + inferred("6:31", "anthropic-claude-3-opus", "claude-3-opus-20240229", "anthropic")
             + inferred("13:16", "openai-gpt4-turbo", "gpt-4-turbo", "openai")
             + inferred("13:37", "anthropic-claude-3-sonnet", "claude-3-sonnet-20240229",
                        "anthropic")
             + inferred("20:16", "openai-gpt3.5-turbo", "gpt-3.5-turbo", "openai")
             + inferred("20:39", "anthropic-claude-3-haiku", "claude-3-haiku-20240307", "anthropic")
             + inferred("96:37", "gemini-pro", "gemini-pro", "gemini")
             + "156:26: warning: high_payload_group.echelon3: concurrency_limit 500 can never be "
               "reached: its models "
               "allow 200 together [unreachable-limit]\n"
               "198:26: warning: fast_small_group.high_payload: concurrency_limit 300 can never be "
               "reached: its models "
               "allow 200 together [unreachable-limit]\n"
               "296:19: warning: workflow_nodes.execution_node.polling_pool is "
               "'high_concurrency_pool', whose "
               "task_groups lack the node's own group 'execute_group.echelon2' [pool-lacks-group]\n"
               "310:23: warning: workflow_nodes.fast_response_node.fallback_groups names "
               "'fast_small_group.fast', "
               "which does not exist; did you mean 'fast_small_group'?; it is skipped "
               "[dangling-reference]\n");
  REQUIRE(result.config);
}

TEST_CASE("the sample's values arrive as they stand") {
  const auto config = load(source("tests/config/data/seed.yaml"), with({})).config;
  REQUIRE(config);
  CHECK(config->groups.size() == 7);
  CHECK(config->models.size() == 7);
  CHECK(config->providers.size() == 3);
  const auto* fast = config->group("fast_group");
  REQUIRE(fast);
  CHECK(fast->breaker == policy::breaker_settings{5, std::chrono::seconds{60}, 1});
  REQUIRE(fast->tiers.size() == 3);
  CHECK(fast->tiers[2].models
        == std::vector<std::string>{"openai-gpt3.5-turbo", "anthropic-claude-3-haiku"});
  CHECK(fast->tiers[2].concurrency_limit == 50U);
  CHECK(fast->tiers[2].rpm_limit == 500U);
  CHECK(fast->tiers[2].timeout == std::chrono::seconds{20});
  CHECK(fast->tiers[2].max_retries == 2);
  CHECK(config->group("high_payload_group")->strategy
        == policy::fallback_strategy::provider_failover);
  CHECK(config->group("fast_small_group")->strategy == policy::fallback_strategy::model_rotate);
  CHECK(config->tier({"thinking_group", "echelon1"})->parameters.thinking
        == thinking_config{true, 4000});
  CHECK(config->tier({"fast_small_group", "translation"})->parameters.temperature == 0.3);
  CHECK(config->tier({"fast_small_group", "execute"})->parameters.response_format == "json");
  CHECK(config->tier({"execute_group", "echelon1"})->parameters.function_calling == "required");
  const auto* pool = config->pool("single_turn_pool");
  REQUIRE(pool);
  CHECK(pool->rate == policy::rate_settings{policy::token_bucket_settings{1000, 16'670'000}});
  CHECK(config->pool("multi_turn_pool")->rate
        == policy::rate_settings{policy::sliding_window_settings{std::chrono::seconds{60}, 500}});
  CHECK(
      config->pool("high_concurrency_pool")->members
      == std::vector<group_ref>{{"high_payload_group", ""}, {"fast_small_group", "high_payload"}});
  CHECK(config->node("fast_response_node")->fallback_groups.empty());
  CHECK(config->node("planning_node")->timeout == std::chrono::seconds{120});
  CHECK(config->node("planning_node")->concurrency == policy::concurrency_settings{10, 100});
  CHECK(config->fallback.retry_delay == std::chrono::seconds{1});
  CHECK(config->rate == policy::rate_settings{policy::token_bucket_settings{10000, 166'670'000}});
  CHECK(config->node_level == policy::concurrency_settings{50, 500});
}

TEST_CASE("the shipped folder is the sample with its models defined") {
  const auto whole = load(source("tests/config/data/seed.yaml"), with({})).config;
  const auto result = load(source("configs/llms"), with({}));
  REQUIRE(whole);
  REQUIRE(result.config);
  std::vector<std::string> rules;
  for (const auto& d : result.diagnostics)
    rules.push_back(d.rule);
  CHECK(rules
        == std::vector<std::string>{"unreachable-limit", "unreachable-limit", "pool-lacks-group",
                                    "dangling-reference"});
  const auto a = make_topology(*whole), b = make_topology(*result.config);
  CHECK(a->target_names == b->target_names);
  REQUIRE(a->actors.size() == b->actors.size());
  for (const auto& [id, spec] : a->actors) {
    INFO(spec.path);
    REQUIRE(b->actors.count(id) == 1);
    CHECK(b->actors.at(id).gate == spec.gate);
    CHECK(b->actors.at(id).members == spec.members);
  }
  for (const auto& [name, model] : whole->models)
    CHECK(result.config->model(name)->model == model.model);
}

} // namespace
} // namespace echelon::config::test
