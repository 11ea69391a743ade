#include "tests/api/support.hpp"

#include <nlohmann/json.hpp>

#include <atomic>
#include <fstream>

#include <unistd.h>

namespace echelon::test {

std::string configuration() {
  return R"(
task_groups:
  plan_group:
    echelon1:
      models: [openai-gpt4, anthropic-claude3]
      priority: 1
      timeout: 20
      max_retries: 1
      concurrency_limit: 50
      rpm_limit: 500
      temperature: 0.7
      thinking_config: {enabled: true, budget_tokens: 2000}
    echelon2:
      models: [openai-gpt4-turbo]
      priority: 2
      timeout: 20
    fallback_strategy: echelon_down
  fast_group:
    echelon1: {models: [openai-gpt35], priority: 1, timeout: 20}
    narrow: {models: [gemini-flash], priority: 2, timeout: 20, concurrency_limit: 1}
polling_pools:
  pool: {task_groups: [plan_group, fast_group], rotation_strategy: round_robin}
workflow_nodes:
  planning_node:
    type: llm
    llm_group: plan_group.echelon1
    fallback_groups: [fast_group.echelon1]
    task_config: {timeout: 30}
global_fallback: {enabled: true, max_attempts: 3, retry_delay: 0.01}
models:
  openai-gpt4: {provider: openai, model: gpt-4}
  openai-gpt4-turbo: {provider: openai, model: gpt-4-turbo}
  openai-gpt35: {provider: openai, model: gpt-35}
  anthropic-claude3: {provider: anthropic, model: claude-3}
  gemini-flash: {provider: gemini, model: flash}
providers:
  openai: {kind: openai, base_url: "http://127.0.0.1:9/v1"}
  anthropic: {kind: anthropic, base_url: "http://127.0.0.1:9"}
  gemini: {kind: gemini, base_url: "http://127.0.0.1:9"}
)";
}

temporary_file::temporary_file(const std::string& text, const std::string& extension) {
  static std::atomic<int> count{0};
  path_ = std::filesystem::temp_directory_path()
          / ("echelon-api-" + std::to_string(getpid()) + '-' + std::to_string(++count) + extension);
  write(text);
}

temporary_file::~temporary_file() {
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

void temporary_file::write(const std::string& text) const {
  std::ofstream{path_} << text;
}

namespace {

ConfigOptions simulating() {
  ConfigOptions x;
  x.simulate = true;
  return x;
}

FactoryOptions scripted(const std::string& path) {
  FactoryOptions x;
  x.simulator_script = path;
  return x;
}

} // namespace

simulated_router::simulated_router(const std::string& text, const std::string& yaml)
    : config(ConfigManager::from_text(yaml, simulating())), script(text),
      factory(config, scripted(script.path())),
      client(factory.create_client_from_group("plan_group.echelon1")) {}

int permits_in_use(const LlmFactory& of) {
  const auto state = nlohmann::json::parse(of.state());
  int sum = 0;
  for (const auto& actor : state["actors"])
    sum += actor["permits"]["used"].get<int>();
  return sum;
}

} // namespace echelon::test
