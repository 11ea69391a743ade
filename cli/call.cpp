#include "cli/commands.hpp"

#include "cli/http_client.hpp"
#include "providers/sse.hpp"

#include <nlohmann/json.hpp>

#include <iostream>

namespace echelon::cli {

using nlohmann::json;

namespace {

void print_error(const http_answer& x) {
  const auto body = json::parse(x.body, nullptr, false);
  std::string text = x.body.substr(0, 500);
  if (body.is_object() && body.contains("error") && body["error"].is_object())
    text = body["error"].value("message", text);
  std::cerr << "echelon call: " << x.status << ": " << text << '\n';
  if (const auto wait = x.header("retry-after"); !wait.empty())
    std::cerr << "retry after " << wait << " s\n";
}

void print_route(const http_answer& x) {
  std::cerr << "route " << x.header("x-echelon-route") << ", attempts "
            << x.header("x-echelon-attempts") << ", request " << x.header("x-request-id") << '\n';
}

/// Prints the text of a stream as it comes. @returns Its error, or nothing.
class stream_printer {
public:
  void feed(std::string_view piece) {
    std::vector<providers::sse_event> events;
    if (!parser_.feed(piece, events)) failure = "an event is too large";
    for (const auto& event : events)
      take(event.data);
  }
  std::string failure;
  bool finished = false;

private:
  void take(const std::string& data) {
    if (data == "[DONE]") {
      finished = true;
      return;
    }
    const auto chunk = json::parse(data, nullptr, false);
    if (!chunk.is_object()) return;
    if (chunk.contains("error")) failure = chunk["error"].value("message", "the stream broke");
    for (const auto& choice : chunk.value("choices", json::array()))
      if (const auto text = choice.value("/delta/content"_json_pointer, json()); text.is_string())
        std::cout << text.get<std::string>() << std::flush;
  }
  providers::sse_parser parser_;
};

} // namespace

int call(const call_options& options) {
  json body{{"model", options.target},
            {"messages", json::array({{{"role", "user"}, {"content", options.prompt}}})}};
  if (options.stream) body["stream"] = true;
  std::vector<std::pair<std::string, std::string>> headers{{"Content-Type", "application/json"}};
  if (!options.key.empty()) headers.emplace_back("Authorization", "Bearer " + options.key);
  std::string list;
  for (const auto& x : options.fallback)
    list += (list.empty() ? "" : ",") + x;
  if (!list.empty()) headers.emplace_back("x-echelon-fallback-groups", list);
  try {
    stream_printer printer;
    const auto text = body.dump(-1, ' ', false, json::error_handler_t::replace);
    const auto answer = options.stream
                            ? request(options.url, "POST", "/v1/chat/completions", headers, text,
                                      [&](std::string_view x) { printer.feed(x); })
                            : request(options.url, "POST", "/v1/chat/completions", headers, text);
    if (answer.status != 200) {
      print_error(answer);
      return 1;
    }
    if (options.stream) {
      std::cout << '\n';
      print_route(answer);
      if (printer.failure.empty() && printer.finished) return 0;
      std::cerr << "echelon call: the stream broke: " << printer.failure << '\n';
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
  } catch (const std::exception& error) {
    std::cerr << "echelon call: " << error.what() << '\n';
    return 2;
  }
}

} // namespace echelon::cli
