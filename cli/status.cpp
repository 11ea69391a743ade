#include "cli/commands.hpp"

#include "cli/http_client.hpp"
#include "cli/status_table.hpp"
#include "cli/terminal.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <unistd.h>

namespace echelon::cli {

using nlohmann::json;

namespace {

struct refused : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The router's state as JSON in one line.
std::string fetch(const status_options& options, int wake) {
  std::vector<std::pair<std::string, std::string>> headers;
  if (!options.token.empty()) headers.emplace_back("Authorization", "Bearer " + options.token);
  const auto answer = request(options.url, "GET", "/admin/state", headers, "", {}, wake);
  if (answer.status != 200) throw refused(std::to_string(answer.status) + ": " + answer.body);
  return answer.body;
}

/// Draws over what is there: nothing flickers, and the last table stays when we end.
class screen {
public:
  screen() { std::cout << "\033[?25l\033[2J"; }
  ~screen() { std::cout << "\033[?25h" << std::flush; }
  screen(const screen&) = delete;
  screen& operator=(const screen&) = delete;

  void draw(const std::vector<std::string>& lines) const {
    std::string text = "\033[H";
    for (const auto& x : lines)
      text += x + "\033[K\n";
    std::cout << text << "\033[J" << std::flush;
  }
};

int watch(const status_options& options) {
  interrupts stop;
  const bool live = ::isatty(STDOUT_FILENO) != 0 && !options.json;
  std::optional<screen> on;
  std::vector<std::string> lines;
  for (bool reached = false;; reached = true) {
    std::string trouble;
    try {
      const auto state = fetch(options, stop.descriptor());
      if (live && !on) on.emplace();
      table_style style{colours(STDOUT_FILENO)};
      if (live) {
        const auto size = size_of_terminal(STDOUT_FILENO);
        style.columns = size.columns;
        style.rows = std::max<std::size_t>(size.rows, 3) - 2; // The last one and what went wrong.
      }
      if (options.json)
        std::cout << state << std::endl;
      else
        lines = status_lines(json::parse(state), style);
    } catch (const request_given_up&) {
      return 0;
    } catch (const std::exception& error) {
      // A router that is being restarted comes back.
      if (!reached) throw;
      trouble = error.what();
    }
    if (on) {
      auto shown = lines;
      if (!trouble.empty()) shown.push_back(painted(trouble, colour::red, colours(STDOUT_FILENO)));
      on->draw(shown);
    } else if (!trouble.empty()) {
      std::cerr << "echelon status: " << trouble << '\n';
    } else if (!options.json) {
      for (const auto& x : lines)
        std::cout << x << '\n';
      std::cout << std::endl;
    }
    if (stop.wait(static_cast<int>(std::lround(options.every * 1000)))) return 0;
  }
}

} // namespace

int status(const status_options& options) {
  try {
    if (options.watch) return watch(options);
    const auto state = fetch(options, -1);
    if (options.json) {
      std::cout << state << '\n';
      return 0;
    }
    for (const auto& x : status_lines(json::parse(state), {colours(STDOUT_FILENO)}))
      std::cout << x << '\n';
    return 0;
  } catch (const refused& error) {
    std::cerr << "echelon status: " << error.what() << '\n';
    return 1;
  } catch (const std::exception& error) {
    std::cerr << "echelon status: " << error.what() << '\n';
    return 2;
  }
}

} // namespace echelon::cli
