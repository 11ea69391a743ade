// Numbers, keys and empty values.
#include "support.hpp"

#include "config/topology.hpp"

#include <set>

namespace echelon::config::test {
namespace {

TEST_CASE("CONFIG.1 a key given twice is an error that names both lines") {
  const std::string group = "task_groups:\n  g:\n    t: {models: [m]}\n";
  CHECK(told(load_snippet(group + "    t: {models: [n]}\n"))
        == "4:5: error: key 't' is given twice, first at line 3 [duplicate-key]\n");
  CHECK(told(load_snippet("task_groups:\n  g:\n    t: {models: [m], rpm_limit: 1, rpm_limit: 1}\n"))
        == "3:36: error: key 'rpm_limit' is given twice, first at line 3 [duplicate-key]\n");
  CHECK(told(load_snippet(group + group))
        == "4:1: error: key 'task_groups' is given twice, first at line 1 [duplicate-key]\n");
  CHECK(told(load_snippet(group + "  \"g\": {t: {models: [n]}}\n"))
        == "4:3: error: key 'g' is given twice, first at line 2 [duplicate-key]\n");
}

TEST_CASE("CONFIG.1 a merged key that is overridden is not given twice") {
  const auto config = good("task_groups:\n"
                           "  g:\n"
                           "    a: &a {models: [m], rpm_limit: 5, priority: 1}\n"
                           "    b: {<<: *a, rpm_limit: 7, priority: 2}\n");
  CHECK(config->tier({"g", "a"})->rpm_limit == 5U);
  CHECK(config->tier({"g", "b"})->rpm_limit == 7U);
  CHECK(config->tier({"g", "b"})->models == std::vector<std::string>{"m"});
}

TEST_CASE("CONFIG.2 whole numbers are plain decimals and nothing else") {
  CHECK(good("task_groups: {g: {t: {models: [m], rpm_limit: 10}}}")->tier({"g", "t"})->rpm_limit
        == 10U);
  CHECK(good("task_groups:\n  g:\n    t:\n      models: [m]\n      rpm_limit: 10 # ten\n")
            ->tier({"g", "t"})
            ->rpm_limit
        == 10U);
  for (const char* text :
       {"010", "0100", "0o10", "0x10", "0b1", "1_000", "1e3", "10.0", "10.5", "\"10\"", "'10'",
        "ten", "~", "null", ".inf", ".nan", "+10", "1 0", "true"}) {
    const auto said = told_of_tier(std::string{"rpm_limit: "} + text);
    INFO(text << " -> " << said);
    CHECK(said.rfind("3:33: error: task_groups.g.t.rpm_limit must be a whole number, not ", 0)
          == 0);
    CHECK(said.find("[wrong-type]\n") == said.size() - 13);
  }
}

TEST_CASE("CONFIG.2 decimals arrive exactly") {
  const auto rate = [](const std::string& text) {
    const auto config =
        good("rate_limiting: {algorithm: token_bucket, token_bucket: {bucket_size: 1, refill_rate: "
             + text + "}}");
    return std::get<policy::token_bucket_settings>(*config->rate).refill_micro_per_second;
  };
  CHECK(rate("16.67") == 16'670'000);
  CHECK(rate("83.33") == 83'330'000);
  CHECK(rate("0.000001") == 1);
  CHECK(good("global_fallback: {retry_delay: 1.0}")->fallback.retry_delay
        == std::chrono::seconds{1});
  CHECK(good("global_fallback: {retry_delay: 0.1}")->fallback.retry_delay
        == std::chrono::milliseconds{100});
  CHECK(good("task_groups: {g: {t: {models: [m], timeout: 0.000000001}}}")
            ->tier({"g", "t"})
            ->timeout.count()
        == 1);
}

TEST_CASE("CONFIG.4 unknown words are refused with the nearest known one") {
  CHECK(told_of_tier("max_retrys: 3")
        == "3:22: error: unknown key 'max_retrys' in task_groups.g.t; did you mean 'max_retries'? "
           "[unknown-key]\n");
  CHECK(told(load_snippet(
            "task_groups:\n  g:\n    t: {models: [m]}\n    fallback_strategy: echelon_up\n"))
        == "4:24: error: task_groups.g.fallback_strategy must be one of echelon_down, "
           "provider_failover, model_rotate, "
           "not 'echelon_up'; did you mean 'echelon_down'? [unknown-value]\n");
  // The rest of these stand in data/wrong: here is only that none passes.
  for (const char* yaml :
       {"polling_pools: {q: {task_groups: [g], rotation_strategy: random}}",
        "rate_limiting: {algorithm: leaky}",
        "task_groups: {g: {t: {models: [m]}, fallback_stratgy: echelon_down}}",
        "task_groups: {g: {t: {models: [m]}, circuit_breaker: {failure_treshold: 1}}}",
        "task_groups: {g: {t: {models: [m]}, global_fallback: {enabled: true}}}"})
    CHECK(load_snippet(yaml).config == nullptr);
}

TEST_CASE("CONFIG.6 no fallbacks is not the same as fallbacks left out") {
  const auto labels = [](const std::string& node) {
    const auto config = good("task_groups:\n"
                             "  g: {a: {models: [m], priority: 1}, b: {models: [n], priority: 2}}\n"
                             "workflow_nodes: {node: {llm_group: g.a"
                             + node + "}}\n");
    std::vector<std::string> found;
    const auto topology = make_topology(*config);
    for (const auto& stage : topology->targets.at("node")->stages)
      found.push_back(stage.label);
    return found;
  };
  CHECK(labels("") == std::vector<std::string>{"g.a", "g.b"});
  CHECK(labels(", fallback_groups: []") == std::vector<std::string>{"g.a"});
  CHECK(labels(", fallback_groups: [g.b]") == std::vector<std::string>{"g.a", "g.b"});
  CHECK(told(load_snippet("workflow_nodes: {node: {llm_group: g, fallback_groups: ~}}"))
        == "1:56: error: workflow_nodes.node.fallback_groups must be a list of strings, not "
           "nothing [wrong-type]\n");
}

TEST_CASE("CONFIG.7 zero is taken only where it means something") {
  const auto config =
      good("task_groups: {g: {t: {models: [m], max_retries: 0, priority: 0}}}\n"
           "workflow_nodes: {node: {llm_group: g, concurrency_config: {limit: 1, queue_size: 0}}}\n"
           "polling_pools: {q: {task_groups: [g], health_check_interval: 0}}\n"
           "global_fallback: {retry_delay: 0}\n");
  CHECK(config->tier({"g", "t"})->max_retries == 0);
  CHECK(config->node("node")->concurrency == policy::concurrency_settings{1, 0});
  CHECK(config->pool("q")->health_check_interval == policy::duration::zero());
  CHECK(config->fallback.retry_delay == policy::duration::zero());
  for (const char* key : {"concurrency_limit", "rpm_limit", "timeout"})
    CHECK(told_of_tier(std::string{key} + ": 0").find("[out-of-range]") != std::string::npos);
}

TEST_CASE("CONFIG.7 tiers of equal priority keep the order of the file") {
  const auto result = load_snippet("task_groups:\n"
                                   "  g:\n"
                                   "    z: {models: [m], priority: 2}\n"
                                   "    b: {models: [m], priority: 1}\n"
                                   "    a: {models: [m], priority: 1}\n");
  CHECK(told(result)
        == "5:5: warning: tiers 'b' and 'a' have the same priority; they are tried in file order "
           "[equal-priority]\n");
  REQUIRE(result.config);
  std::vector<std::string> names;
  for (const auto& tier : result.config->groups.front().tiers)
    names.push_back(tier.name);
  CHECK(names == std::vector<std::string>{"b", "a", "z"});
}

} // namespace
} // namespace echelon::config::test
