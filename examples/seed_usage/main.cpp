// How task groups are used from code.
//   seed_usage CONFIG [--simulate]
#include <echelon/echelon.hpp>

#include <cstring>
#include <iostream>

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: seed_usage CONFIG [--simulate]\n";
    return 2;
  }
  echelon::ConfigOptions how;
  how.simulate = argc > 2 && std::strcmp(argv[2], "--simulate") == 0;
  try {
    const echelon::ConfigManager config_manager{argv[1], how};
    const echelon::LlmFactory llm_factory{config_manager};
    const std::string prompt = "Plan a trip to the sea.";

    // The configuration of a task group.
    const auto task_group_config = config_manager.get_task_group_config("plan_group", "echelon1");
    std::cout << task_group_config.group << '.' << task_group_config.tier << " has "
              << task_group_config.models.size() << " models\n";

    // A client of a task group.
    const auto llm_client = llm_factory.create_client_from_group("plan_group.echelon1");

    // A node of a workflow, configured in code.
    echelon::NodeConfig node_config;
    node_config.type = "llm";
    node_config.llm_group = "thinking_group.echelon1";
    node_config.fallback_groups = {{"thinking_group.echelon2"}};
    node_config.task_config.timeout = 120;
    node_config.task_config.thinking_config = echelon::ThinkingConfig{true, {}};
    std::cout << "node: " << llm_factory.create_client(node_config).call(prompt).route << '\n';

    // Falling back.
    echelon::Completion result;
    try {
      result = llm_client.call_with_group("plan_group.echelon1", prompt);
    } catch (const echelon::LlmError&) {
      result = llm_client.call_with_fallback_groups({"plan_group.echelon2", "fast_group.echelon1"},
                                                    prompt);
    }
    std::cout << result.route << ": " << result.text << '\n';
    return 0;
  } catch (const echelon::LlmError& error) {
    std::cerr << "seed_usage: " << error.what() << '\n';
    return 1;
  }
}
