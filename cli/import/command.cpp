#include "cli/commands.hpp"
#include "cli/diagnostics.hpp"
#include "cli/import/litellm.hpp"

#include <nlohmann/json.hpp>

#include <fstream>
#include <iostream>
#include <sstream>

namespace echelon::cli {

namespace {

int print_json(const std::string& made, const config::diagnostics& said) {
  nlohmann::json x{{"config", made.empty() ? nlohmann::json{} : nlohmann::json(made)},
                   {"diagnostics", nlohmann::json::array()}};
  for (const auto& d : said.sorted())
    x["diagnostics"].push_back(to_json(d));
  std::cout << x.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  return made.empty() ? 1 : 0;
}

} // namespace

int import_litellm(const import_options& options) {
  std::ifstream in{options.file, std::ios::binary};
  std::stringstream text;
  text << in.rdbuf();
  if (!in) {
    std::cerr << "echelon import: cannot read " << options.file << '\n';
    return 2;
  }
  config::diagnostics out;
  std::string made;
  if (const auto root = config::parse_yaml(text.str(), options.file, out);
      root && !out.has_errors()) {
    const auto found = litellm::read(root, out);
    if (!out.has_errors()) made = litellm::write(found, options.file);
  }
  if (options.json) return print_json(made, out);
  for (const auto& x : out.sorted())
    std::cerr << config::to_string(x) << '\n';
  if (made.empty()) {
    std::cerr << "echelon import: nothing is written, since " << options.file << " has errors\n";
    return 1;
  }
  if (options.output.empty()) {
    std::cout << made;
    return 0;
  }
  std::ofstream to{options.output, std::ios::binary};
  to << made;
  to.close();
  if (to) return 0;
  std::cerr << "echelon import: cannot write " << options.output << '\n';
  return 2;
}

} // namespace echelon::cli
