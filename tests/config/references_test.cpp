// References between sections.
#include "support.hpp"

namespace echelon::config::test {
namespace {

TEST_CASE(
    "CONFIG.5 dangling references are told when loading, and skipped where something remains") {
  const auto result = load_snippet(
      "task_groups: {g: {t: {models: [m]}, u: {models: [n], priority: 1}}}\n"
      "polling_pools: {q: {task_groups: [nope, g.u, g.x]}}\n"
      "workflow_nodes:\n"
      "  node: {llm_group: g.t, fallback_groups: [g.fast, \"g.u \", g.u], polling_pool: r}\n");
  CHECK(told(result)
        == "2:35: warning: polling_pools.q.task_groups names 'nope', which does not exist; it is "
           "skipped "
           "[dangling-reference]\n"
           "2:46: warning: polling_pools.q.task_groups names 'g.x', which does not exist; did you "
           "mean 'g.t'?; it is "
           "skipped [dangling-reference]\n"
           "4:44: warning: workflow_nodes.node.fallback_groups names 'g.fast', which does not "
           "exist; did you mean 'g.t'?; it is skipped "
           "[dangling-reference]\n"
           "4:52: warning: workflow_nodes.node.fallback_groups names 'g.u ', which does not exist; "
           "did you mean "
           "'g.u'?; it is skipped [dangling-reference]\n"
           "4:80: warning: workflow_nodes.node.polling_pool names 'r', which does not exist; did "
           "you mean 'q'?; it is "
           "skipped [dangling-reference]\n");
  REQUIRE(result.config);
  CHECK(result.config->pool("q")->members == std::vector<group_ref>{{"g", "u"}});
  CHECK(result.config->node("node")->fallback_groups == std::vector<group_ref>{{"g", "u"}});
  CHECK(result.config->node("node")->polling_pool.empty());
}

TEST_CASE("CONFIG.5 what cannot run without a reference is refused") {
  for (const char* yaml :
       {"workflow_nodes: {node: {llm_group: h}}", "workflow_nodes: {node: {llm_group: g.x}}",
        "workflow_nodes: {node: {llm_group: \"g.t \"}}",
        "workflow_nodes: {node: {llm_group: \"\"}}", "polling_pools: {q: {task_groups: [nope]}}",
        "polling_pools: {q: {task_groups: []}}", "task_groups: {g: {t: {models: []}}}",
        "task_groups: {g: {t: {models: [what]}}}", "models: {m: {provider: nobody}}"}) {
    INFO(yaml);
    CHECK(load_snippet(yaml).config == nullptr);
  }
}

TEST_CASE("a whole group and a task type name a tier") {
  const auto config =
      good("task_groups: {g: {t: {models: [m]}, execute: {models: [n], priority: 1}}}\n"
           "workflow_nodes: {node: {llm_group: g, task_type: execute}, all: {llm_group: g}}\n");
  CHECK(config->node("node")->llm_group == group_ref{"g", "execute"});
  CHECK(config->node("all")->llm_group == group_ref{"g", ""});
}

TEST_CASE("weights of a pool are the rpm_limits of its members") {
  const auto config =
      good("task_groups:\n"
           "  g: {t: {models: [m], rpm_limit: 10}, u: {models: [m], rpm_limit: 20, priority: 1}}\n"
           "  h: {t: {models: [m]}}\n"
           "polling_pools: {q: {task_groups: [g, g.u, h], rotation_strategy: weighted}}\n");
  CHECK(config->pool("q")->weights == std::vector<std::uint32_t>{30, 20, 1});
}

TEST_CASE("an undefined model takes provider and key by its prefix") {
  const auto result = load_snippet("task_groups: {g: {t: {models: [gemini-2.5-flash]}}}",
                                   {{"GEMINI_API_KEY", "k"}});
  CHECK(told(result)
        == "1:32: warning: model 'gemini-2.5-flash' is not defined under models; taken as "
           "gemini-2.5-flash of provider "
           "gemini by its prefix [undefined-model]\n");
  REQUIRE(result.config);
  const auto& provider = result.config->providers.at("gemini");
  CHECK(provider.kind == provider_kind::gemini);
  CHECK(provider.api_keys == std::vector<std::string>{"k"});
}

TEST_CASE("an undefined model uses the provider that is defined") {
  const auto result = load_snippet(
      "providers: {openai: {kind: openai, base_url: \"http://here:1/v1\"}, p: {kind: simulator}}\n"
      "task_groups: {g: {t: {models: [openai-gpt4]}}}\n");
  REQUIRE(result.config);
  CHECK(result.config->providers.at("openai").base_url == "http://here:1/v1");
  CHECK(result.config->model("openai-gpt4")->model == "gpt-4");
}

} // namespace
} // namespace echelon::config::test
