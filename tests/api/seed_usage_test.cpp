// The usage that the library was asked for, line for line in meaning.
#include "tests/api/support.hpp"

using namespace echelon;
using namespace echelon::test;

TEST_CASE("a task group's configuration is read by group and tier", "[api]") {
  simulated_router uut;
  const auto x = uut.config.get_task_group_config("plan_group", "echelon1");
  CHECK(x.models == std::vector<std::string>{"openai-gpt4", "anthropic-claude3"});
  CHECK(x.priority == 1);
  CHECK(x.timeout == 20);
  CHECK(x.max_retries == 1);
  CHECK(x.concurrency_limit == 50);
  CHECK(x.rpm_limit == 500);
  CHECK(x.temperature == 0.7);
  REQUIRE(x.thinking_config);
  CHECK(x.thinking_config->enabled);
  CHECK(x.thinking_config->budget_tokens == 2000);
  CHECK(x.fallback_strategy == "echelon_down");
  const auto all = uut.config.get_task_group_config("plan_group");
  REQUIRE(all.size() == 2);
  CHECK(all[1].tier == "echelon2");
  const auto wrong = error_of(
      [&] { static_cast<void>(uut.config.get_task_group_config("plan_grup", "echelon1")); });
  CHECK(wrong.kind() == ErrorKind::unknown_target);
  CHECK_THAT(wrong.what(), Catch::Contains("plan_group"));
  CHECK(error_of([&] {
          static_cast<void>(uut.config.get_task_group_config("plan_group", "echelon9"));
        }).kind()
        == ErrorKind::unknown_target);
}

TEST_CASE("a client of a tier calls it, and other groups when that fails", "[api]") {
  // The first tier of all is down: the call fails only once its group has been tried.
  simulated_router uut{R"(
rules:
  - {match: {model: gpt-4}, then: {status: 400}}
  - {match: {model: claude-3}, then: {status: 400}}
)"};
  auto llm_client = uut.factory.create_client_from_group("plan_group.echelon1");
  std::string text;
  try {
    text = llm_client.call_with_group("plan_group.echelon1", "plan a trip").text;
  } catch (const LlmError& error) {
    CHECK(error.kind() == ErrorKind::invalid_request);
    const auto result = llm_client.call_with_fallback_groups(
        {"plan_group.echelon2", "fast_group.echelon1"}, "plan a trip");
    text = result.text;
    CHECK(result.route == "plan_group.echelon2/openai-gpt4-turbo");
  }
  CHECK(text == "Simulated gpt-4-turbo answer to: plan a trip");
}

TEST_CASE("a node comes from code with its own fallback groups, timeout and thinking", "[api]") {
  simulated_router uut{R"(
rules:
  - {match: {model: gpt-35}, then: {status: 503}}
)"};
  NodeConfig node;
  node.llm_group = "fast_group.echelon1";
  node.fallback_groups = {{"plan_group.echelon2"}};
  node.task_config.timeout = 12.5;
  node.task_config.max_retries = 0;
  node.task_config.thinking_config = ThinkingConfig{true, {}};
  const auto answer = uut.factory.create_client(node).call("think");
  CHECK(answer.route == "plan_group.echelon2/openai-gpt4-turbo");
  CHECK(answer.attempts == 2);
  // The same in the words of a configuration file.
  NodeConfig written;
  written.text = R"({"type": "llm", "llm_group": "fast_group.echelon1",
    "fallback_groups": ["plan_group.echelon2"],
    "task_config": {"timeout": 120, "max_retries": 0, "thinking_config": {"enabled": true}}})";
  CallOptions per_call;
  per_call.node_config = written;
  CHECK(uut.client.call("think", per_call).route == "plan_group.echelon2/openai-gpt4-turbo");
}

TEST_CASE("what is wrong with a node of code is told, all of it", "[api]") {
  simulated_router uut;
  NodeConfig node;
  node.text =
      "{llm_group: plan_grup, fallback_groups: [nowhere], tiemout: 3, task_config: {timeout: "
      "-1}}";
  const auto error = error_of([&] { static_cast<void>(uut.factory.create_client(node)); });
  CHECK(error.kind() == ErrorKind::configuration);
  for (const auto* part : {"plan_group", "nowhere", "tiemout", "task_config.timeout"})
    CHECK_THAT(error.what(), Catch::Contains(part));
  CHECK_THROWS_AS(uut.config.check(node), LlmError);
  node.text = "{llm_group: plan_group.echelon1, concurrency_config: {limit: 3}}";
  CHECK_THAT(error_of([&] { uut.config.check(node); }).what(),
             Catch::Contains("concurrency_config"));
  node.text = "[1]";
  CHECK_THROWS_AS(uut.config.check(node), LlmError);
}
