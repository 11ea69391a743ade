// concurrency_control and the gates of each level.
#include "support.hpp"

namespace echelon::config::test {
namespace {

using policy::concurrency_settings;

const std::string limited =
    "models: {m: {provider: p, concurrency_limit: 9}, n: {provider: p}}\n"
    "task_groups: {g: {t: {models: [m, n], concurrency_limit: 7, rpm_limit: 60}, "
    "u: {models: [n], priority: 1}}}\n"
    "workflow_nodes: {node: {llm_group: g}, own: {llm_group: g, concurrency_config: "
    "{limit: 3, queue_size: 4}}}\n";

/// What may run and wait at each level.
struct levels {
  std::optional<concurrency_settings> group, limited_tier, tier, limited_model, model, node,
      own_node;
};

levels of(const std::string& control) {
  const auto config = good(limited + control);
  const auto& g = *config->group("g");
  return {config->group_gate(g).concurrency,
          config->tier_gate(g, *config->tier({"g", "t"})).concurrency,
          config->tier_gate(g, *config->tier({"g", "u"})).concurrency,
          config->model_gate(*config->model("m")).concurrency,
          config->model_gate(*config->model("n")).concurrency,
          config->node_gate(*config->node("node")).concurrency,
          config->node_gate(*config->node("own")).concurrency};
}

TEST_CASE("without concurrency_control own limits have a queue of 1000") {
  for (const char* control :
       {"", "concurrency_control: {enabled: false}\n",
        "concurrency_control: {enabled: false, levels: [{model_level: {limit: 1}}]}\n"}) {
    const auto x = of(control);
    CHECK_FALSE(x.group);
    CHECK(x.limited_tier == concurrency_settings{7, 1000});
    CHECK_FALSE(x.tier);
    CHECK(x.limited_model == concurrency_settings{9, 1000});
    CHECK_FALSE(x.model);
    CHECK_FALSE(x.node);
    CHECK(x.own_node == concurrency_settings{3, 4});
  }
}

TEST_CASE("a level that concurrency_control does not list has no queue") {
  for (const char* control :
       {"concurrency_control: {}\n", "concurrency_control: {enabled: true, levels: []}\n",
        "concurrency_control: {levels: [{group_level: {limit: 50, queue_size: 5}}]}\n"}) {
    const auto x = of(control);
    CHECK(x.limited_tier == concurrency_settings{7, 0});
    CHECK(x.limited_model == concurrency_settings{9, 0});
    CHECK_FALSE(x.tier);
    CHECK_FALSE(x.model);
    CHECK_FALSE(x.node);
  }
}

TEST_CASE("a listed level limits what has no limit of its own, and gives its queue to what has") {
  const auto x = of("concurrency_control:\n"
                    "  levels:\n"
                    "    - group_level: {limit: 50, queue_size: 500}\n"
                    "    - echelon_level: {limit: 40, queue_size: 400}\n"
                    "    - model_level: {limit: 30, queue_size: 300}\n"
                    "    - node_level: {limit: 20}\n");
  CHECK(x.group == concurrency_settings{50, 500});
  CHECK(x.limited_tier == concurrency_settings{7, 400});
  CHECK(x.tier == concurrency_settings{40, 400});
  CHECK(x.limited_model == concurrency_settings{9, 300});
  CHECK(x.model == concurrency_settings{30, 300});
  CHECK(x.node == concurrency_settings{20, 0});
  CHECK(x.own_node == concurrency_settings{3, 4});
}

TEST_CASE("rpm_limit and tpm_limit are windows of a minute") {
  const auto config = good("models: {m: {provider: p, rpm_limit: 5, tpm_limit: 700}}\n"
                           "task_groups: {g: {t: {models: [m], rpm_limit: 4}}}\n");
  const auto window = [](std::int64_t units) {
    return policy::sliding_window_settings{std::chrono::seconds{60}, units};
  };
  const auto& g = *config->group("g");
  CHECK(config->tier_gate(g, g.tiers.front()).rate == policy::rate_settings{window(4)});
  CHECK(config->model_gate(*config->model("m")).rate == policy::rate_settings{window(5)});
  CHECK(config->model_gate(*config->model("m")).tokens == window(700));
}

TEST_CASE("a limiter that is not enabled does not limit") {
  const auto config = good(
      "rate_limiting: {enabled: false, algorithm: token_bucket, token_bucket: {bucket_size: 1, "
      "refill_rate: 1}}\n"
      "polling_pools: {q: {task_groups: [g], rate_limiting: {enabled: false, algorithm: "
      "sliding_window}}}\n");
  CHECK_FALSE(config->router_gate().rate);
  CHECK_FALSE(config->pool_gate(*config->pool("q")).rate);
}

TEST_CASE("a group without a breaker has that of global_fallback") {
  const auto config =
      good("task_groups:\n"
           "  g: {t: {models: [m]}}\n"
           "  h: {t: {models: [n]}, circuit_breaker: {failure_threshold: 2}}\n"
           "global_fallback: {circuit_breaker: {failure_threshold: 7, recovery_time: 8, "
           "half_open_requests: 9}}\n");
  CHECK(config->group("g")->breaker == policy::breaker_settings{7, std::chrono::seconds{8}, 9});
  CHECK(config->group("h")->breaker == policy::breaker_settings{2, std::chrono::seconds{60}, 1});
}

TEST_CASE("a model shared by groups has the most cautious breaker of them") {
  const auto config =
      good("task_groups:\n"
           "  g: {t: {models: [m]}, circuit_breaker: {failure_threshold: 9, recovery_time: 50, "
           "half_open_requests: 3}}\n"
           "  h: {t: {models: [m]}, circuit_breaker: {failure_threshold: 2, recovery_time: 5, "
           "half_open_requests: 4}}\n");
  CHECK(config->model_gate(*config->model("m")).breaker
        == policy::breaker_settings{2, std::chrono::seconds{50}, 3});
}

} // namespace
} // namespace echelon::config::test
