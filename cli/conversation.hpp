/// Asking a running router: one question with its streamed answer, and a whole conversation.
#pragma once

#include "cli/commands.hpp"
#include "cli/http_client.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <utility>
#include <vector>

namespace echelon::cli {

/// What is sent.
struct question {
  question(const call_options& options, nlohmann::json messages);
  [[nodiscard]] std::string body(bool stream) const;

  const call_options& options;
  nlohmann::json messages;
  std::vector<std::pair<std::string, std::string>> headers;
};

struct streamed_answer {
  int code = 0; ///< The process's exit code: 0 answered, 1 the router answered with an error.
  bool given_up = false;
  std::string text;
  http_answer answer;
};

/// Prints the answer as it comes: its text, or with `options.json` each of its events as a line.
/// `wake`: as for request(). Errors are told on standard error; throws if there is no router.
streamed_answer ask_streamed(const question& what, int wake);

void print_error(const http_answer& x);
/// On standard error: where the answer came from.
void print_route(const http_answer& x);

/// A prompt on the terminal after each answer, until its end (Ctrl-D). SIGINT (Ctrl-C) gives up one
/// answer; twice at the prompt ends it. @returns The process's exit code.
int converse(const call_options& options);

} // namespace echelon::cli
