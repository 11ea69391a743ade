// A command-line app: asks a target of a configuration and prints the answer as it comes.
//   ask CONFIG TARGET PROMPT [--simulate]
#include <echelon/echelon.hpp>

#include <cstring>
#include <iostream>

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: ask CONFIG TARGET PROMPT [--simulate]\n";
    return 2;
  }
  try {
    echelon::ConfigOptions how;
    how.simulate = argc > 4 && std::strcmp(argv[4], "--simulate") == 0;
    const echelon::LlmFactory factory{echelon::ConfigManager{argv[1], how}};
    const auto client = factory.create_client_from_group(argv[2]);
    auto stream = client.open_stream(argv[3]);
    for (const auto& chunk : stream)
      std::cout << chunk.text << std::flush;
    const auto answer = stream.completion();
    std::cout << '\n';
    std::cerr << "route " << answer.route << ", attempts " << answer.attempts << ", "
              << answer.usage.completion_tokens << " tokens\n";
    return 0;
  } catch (const echelon::LlmError& error) {
    std::cerr << "ask: " << to_string(error.kind()) << ": " << error.what() << '\n';
    if (const auto wait = error.retry_after())
      std::cerr << "retry after " << wait->count() << " ms\n";
    return 1;
  }
}
