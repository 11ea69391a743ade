#include "cli/commands.hpp"

#include "cli/conversation.hpp"
#include "cli/http_client.hpp"

#include <nlohmann/json.hpp>

#include <iostream>
#include <iterator>
#include <unistd.h>

namespace echelon::cli {

using nlohmann::json;

namespace {

/// One question and its answer.
int ask_once(const call_options& options, const std::string& prompt) {
  const question what{options, json::array({{{"role", "user"}, {"content", prompt}}})};
  if (options.stream) {
    const auto got = ask_streamed(what, -1);
    if (got.code != 0) return got.code;
    if (!options.json) std::cout << '\n';
    print_route(got.answer);
    return 0;
  }
  const auto answer =
      request(options.url, "POST", "/v1/chat/completions", what.headers, what.body(false));
  if (answer.status != 200) {
    print_error(answer);
    return 1;
  }
  if (options.json) {
    std::cout << answer.body << '\n';
  } else {
    const auto reply = json::parse(answer.body);
    const auto content = reply.value("/choices/0/message/content"_json_pointer, json());
    std::cout << (content.is_string() ? content.get<std::string>() : reply.dump(2)) << '\n';
  }
  print_route(answer);
  return 0;
}

} // namespace

int call(const call_options& options) {
  try {
    if (!options.prompt.empty()) return ask_once(options, options.prompt);
    if (::isatty(STDIN_FILENO) != 0) return converse(options);
    const std::string all{std::istreambuf_iterator<char>{std::cin}, {}};
    if (!all.empty()) return ask_once(options, all);
    std::cerr << "echelon call: there is no prompt: give one, or write it to standard input\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "echelon call: " << error.what() << '\n';
    return 2;
  }
}

} // namespace echelon::cli
