#include "cli/commands.hpp"

#include "cli/diagnostics.hpp"
#include "cli/http_client.hpp"
#include "cli/terminal.hpp"
#include "config/explain.hpp"
#include "config/load.hpp"
#include "config/schema.hpp"

#include <nlohmann/json.hpp>

#include <unistd.h>

#include <iostream>

namespace echelon::cli {
namespace {

void print_text(const config::diagnostic& x) {
  const auto how = x.sev == config::severity::error ? colour::red : colour::yellow;
  std::cout << x.file << ':' << x.line << ':' << x.column << ": "
            << painted(word(x), how, colours(STDOUT_FILENO)) << ": " << x.text << " [" << x.rule
            << "]\n";
}

void print_github(const config::diagnostic& x) {
  std::cout << "::" << word(x) << " file=" << x.file << ",line=" << x.line << ",col=" << x.column
            << ",title=" << x.rule << "::" << x.text << '\n';
}

} // namespace

int validate(const validate_options& options) {
  if (options.print_schema) {
    std::cout << config::json_schema() << '\n';
    return 0;
  }
  if (options.config.empty()) {
    std::cerr << "echelon validate: --config PATH is required (or --print-schema)\n";
    return 2;
  }
  if (options.print_effective) {
    std::vector<config::source_file> files;
    if (config::read_sources(options.config, files).empty())
      for (const auto& line : config::effective(files))
        std::cout << line << '\n';
  }
  config::load_options how;
  how.simulate = options.simulate;
  const auto result = config::load(options.config, how);
  int errors = 0, warnings = 0;
  auto list = nlohmann::json::array();
  for (const auto& x : result.diagnostics) {
    ++(x.sev == config::severity::error ? errors : warnings);
    if (options.format == "json")
      list.push_back(to_json(x));
    else if (options.format == "github")
      print_github(x);
    else
      print_text(x);
  }
  if (options.format == "json")
    std::cout << list.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  if (!result.readable) return 2;
  std::cerr << errors << " errors, " << warnings << " warnings\n";
  return errors > 0 || (options.strict && warnings > 0) ? 1 : 0;
}

namespace {

/// What a running router says.
int explain_live(const explain_options& options) {
  std::vector<std::pair<std::string, std::string>> headers;
  if (!options.token.empty()) headers.emplace_back("Authorization", "Bearer " + options.token);
  try {
    const auto answer =
        request(options.url, "GET", "/admin/explain/" + options.target, headers, "");
    if (answer.status != 200) {
      const auto body = nlohmann::json::parse(answer.body, nullptr, false);
      std::cerr << "echelon explain: "
                << (body.is_object() && body.contains("error")
                        ? body["error"].value("message", answer.body)
                        : std::to_string(answer.status) + ": " + answer.body)
                << '\n';
      return 1;
    }
    const auto x = nlohmann::json::parse(answer.body);
    std::cout << (options.json ? x.dump(2) + '\n' : config::explain_text(x));
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "echelon explain: " << error.what() << '\n';
    return 2;
  }
}

} // namespace

int explain(const explain_options& options) {
  if (options.config.empty()) return explain_live(options);
  config::load_options how;
  how.simulate = options.simulate;
  const auto result = config::load(options.config, how);
  if (!result.config) {
    for (const auto& x : result.diagnostics)
      if (x.sev == config::severity::error) std::cerr << config::to_string(x) << '\n';
    return result.readable ? 1 : 2;
  }
  try {
    if (options.json) {
      std::cout << config::explain_json(*result.config, options.target).dump(2) << '\n';
    } else {
      std::cout << config::explain(*result.config, options.target);
    }
  } catch (const std::exception& error) {
    std::cerr << "echelon explain: " << error.what() << '\n';
    return 1;
  }
  return 0;
}

} // namespace echelon::cli
