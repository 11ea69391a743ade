// explain: the way of a request, in words.
#include "support.hpp"

#include "config/explain.hpp"

#include <nlohmann/json.hpp>

namespace echelon::config::test {
namespace {

router_config_ptr seed() {
  auto config = load(source("tests/config/data/seed.yaml"), with({})).config;
  REQUIRE(config);
  return config;
}

std::vector<std::string> stages(const nlohmann::json& x) {
  std::vector<std::string> labels;
  for (const auto& stage : x["stages"])
    labels.push_back(stage["stage"]);
  return labels;
}

TEST_CASE("explain gives a node's stages in the order in which they are tried") {
  const auto x = explain_json(*seed(), "planning_node");
  CHECK(stages(x)
        == std::vector<std::string>{"plan_group.echelon1", "plan_group.echelon2",
                                    "thinking_group.echelon1"});
  CHECK(x["total_timeout_s"] == 120);
  CHECK(x["max_moves"] == 3);
  CHECK(x["levels"][0]["actor"] == "router/global");
  CHECK(x["levels"][1]["actor"] == "node/planning_node");
  CHECK(x["levels"][1]["concurrency_limit"] == 10);
  CHECK(x["levels"][1]["queue_size"] == 100);
  const auto& first = x["stages"][0];
  CHECK(first["models"][0]["model"] == "openai-gpt4");
  CHECK(first["models"][0]["provider"] == "openai");
  CHECK(first["max_retries"] == 3); // The node's own, not the tier's 5.
  CHECK(first["timeout_s"] == 60);
}

TEST_CASE("explain names the tightest limit on the way to a model") {
  const auto x = explain_json(*seed(), "thinking_node");
  CHECK(x["stages"][0]["models"][0]["binding_concurrency"]
        == nlohmann::json{{"limit", 3}, {"actor", "echelon/thinking_group.echelon1"}});
  const auto wide = explain_json(*seed(), "high_payload_group.echelon3");
  CHECK(wide["stages"][0]["models"][0]["binding_concurrency"]
        == nlohmann::json{{"limit", 100}, {"actor", "model/gemini-pro"}});
}

TEST_CASE("explain marks what global_fallback keeps out of reach") {
  const auto config =
      good("task_groups: {g: {a: {models: [m], priority: 1}, b: {models: [m], priority: 2}, "
           "c: {models: [m], priority: 3}}}\n"
           "global_fallback: {max_attempts: 1}\n");
  const auto x = explain_json(*config, "g");
  CHECK(x["stages"][0]["reachable"] == true);
  CHECK(x["stages"][1]["reachable"] == true);
  CHECK(x["stages"][2]["reachable"] == false);
  CHECK(explain(*config, "g").find("(beyond global_fallback.max_attempts)") != std::string::npos);
}

TEST_CASE("explain reckons the worst case within the deadline") {
  const auto config =
      good("task_groups: {g: {t: {models: [m], timeout: 10, max_retries: 2}}}\n"
           "workflow_nodes: {node: {llm_group: g.t, task_config: {timeout: 15}}}\n");
  CHECK(explain_json(*config, "g.t")["worst_case_s"] == 30);
  CHECK(explain_json(*config, "node")["worst_case_s"] == 15);
}

TEST_CASE("explain in words has a line per model") {
  const auto text = explain(*seed(), "planning_node");
  CHECK(text.rfind("target planning_node: deadline 120.0 s", 0) == 0);
  CHECK(text.find("through node/planning_node\n") != std::string::npos);
  for (const char* name :
       {"openai-gpt4-turbo", "anthropic-claude-3-sonnet", "thinking_group.echelon1"})
    CHECK(text.find(name) != std::string::npos);
}

TEST_CASE("explain refuses a target that is not there") {
  CHECK_THROWS_WITH(explain(*seed(), "nobody"), "there is no target 'nobody'");
}

} // namespace
} // namespace echelon::config::test
