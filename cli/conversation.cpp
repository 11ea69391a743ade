#include "cli/conversation.hpp"

#include "cli/terminal.hpp"
#include "providers/sse.hpp"

#include <cerrno>
#include <iostream>
#include <optional>
#include <poll.h>
#include <unistd.h>

namespace echelon::cli {

using nlohmann::json;

namespace {

/// Prints a stream as it comes.
class stream_printer {
public:
  explicit stream_printer(bool events) : events_(events) {}
  void feed(std::string_view piece) {
    std::vector<providers::sse_event> found;
    if (!parser_.feed(piece, found)) failure = "an event is too large";
    for (const auto& event : found)
      take(event.data);
  }
  std::string failure, text;
  bool finished = false;

private:
  void take(const std::string& data) {
    if (data == "[DONE]") {
      finished = true;
      return;
    }
    const auto chunk = json::parse(data, nullptr, false);
    if (!chunk.is_object()) return;
    if (events_) std::cout << data << std::endl;
    if (chunk.contains("error")) failure = chunk["error"].value("message", "the stream broke");
    for (const auto& choice : chunk.value("choices", json::array()))
      if (const auto& more = choice.value("/delta/content"_json_pointer, json());
          more.is_string()) {
        text += more.get_ref<const std::string&>();
        if (!events_) std::cout << more.get_ref<const std::string&>() << std::flush;
      }
  }
  const bool events_; // As they are.
  providers::sse_parser parser_;
};

/// Lines of a terminal, which edits them.
class line_reader {
public:
  explicit line_reader(interrupts& stop) : stop_(stop) {}
  enum class end : std::uint8_t { line, over, interrupted };
  end read(std::string& line) {
    for (;;) {
      if (const auto at = waiting_.find('\n'); at != std::string::npos) {
        line = waiting_.substr(0, at);
        waiting_.erase(0, at + 1);
        return end::line;
      }
      pollfd both[] = {{STDIN_FILENO, POLLIN, 0}, {stop_.descriptor(), POLLIN, 0}};
      if (::poll(both, 2, -1) < 0 && errno != EINTR) return end::over;
      if (stop_.take()) {
        waiting_.clear();
        return end::interrupted;
      }
      if (both[0].revents == 0) continue;
      char some[4096];
      const auto n = ::read(STDIN_FILENO, some, sizeof some);
      if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (n <= 0) return end::over;
      waiting_.append(some, static_cast<std::size_t>(n));
    }
  }

private:
  interrupts& stop_;
  std::string waiting_;
};

} // namespace

question::question(const call_options& o, json m) : options(o), messages(std::move(m)) {
  headers.emplace_back("Content-Type", "application/json");
  if (!options.key.empty()) headers.emplace_back("Authorization", "Bearer " + options.key);
  std::string list;
  for (const auto& x : options.fallback)
    list += (list.empty() ? "" : ",") + x;
  if (!list.empty()) headers.emplace_back("x-echelon-fallback-groups", list);
}

std::string question::body(bool stream) const {
  json x{{"model", options.target}, {"messages", messages}};
  if (stream) x["stream"] = true;
  return x.dump(-1, ' ', false, json::error_handler_t::replace);
}

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
  std::cerr << painted("route " + x.header("x-echelon-route") + ", attempts "
                           + x.header("x-echelon-attempts") + ", request "
                           + x.header("x-request-id"),
                       colour::dim, colours(STDERR_FILENO))
            << '\n';
}

streamed_answer ask_streamed(const question& what, int wake) {
  streamed_answer got;
  stream_printer printer{what.options.json};
  try {
    got.answer = request(
        what.options.url, "POST", "/v1/chat/completions", what.headers, what.body(true),
        [&](std::string_view x) { printer.feed(x); }, wake);
  } catch (const request_given_up&) {
    got.given_up = true;
    got.code = 1;
    return got;
  }
  got.text = std::move(printer.text);
  if (got.answer.status != 200) {
    print_error(got.answer);
    got.code = 1;
  } else if (!printer.failure.empty() || !printer.finished) {
    std::cout << '\n' << std::flush;
    std::cerr << "echelon call: the stream broke: " << printer.failure << '\n';
    got.code = 1;
  }
  return got;
}

int converse(const call_options& options) {
  const bool colourful = colours(STDOUT_FILENO);
  std::cerr << painted(
      "Talking to " + options.target + " at " + options.url
          + ". Ctrl-C gives up an answer, Ctrl-D ends; /clear forgets what was said.",
      colour::dim, colours(STDERR_FILENO))
            << '\n';
  interrupts stop;
  line_reader in{stop};
  auto said = json::array();
  for (bool twice = false;;) {
    std::cout << painted("> ", colour::bold, colourful) << std::flush;
    std::string line;
    const auto end = in.read(line);
    if (end == line_reader::end::over || (end == line_reader::end::interrupted && twice)) {
      std::cout << std::endl;
      return 0;
    }
    twice = end == line_reader::end::interrupted;
    if (twice) {
      std::cout << '\n';
      continue;
    }
    if (line == "/clear") said.clear();
    if (line.empty() || line == "/clear") continue;
    said.push_back({{"role", "user"}, {"content", line}});
    const auto got = ask_streamed(question{options, said}, stop.descriptor());
    if (got.given_up) {
      static_cast<void>(stop.take());
      std::cout << painted(" [given up]", colour::yellow, colourful) << std::endl;
    } else if (got.code == 0) {
      std::cout << std::endl;
      print_route(got.answer);
    }
    // What was not answered was not said.
    if (got.code == 0)
      said.push_back({{"role", "assistant"}, {"content", got.text}});
    else
      said.erase(said.size() - 1);
  }
}

} // namespace echelon::cli
