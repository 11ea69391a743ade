// docs/configuration.md says what the loader does.
#include "support.hpp"

#include <filesystem>
#include <regex>
#include <set>

namespace echelon::config::test {
namespace {

/// What the first group of `pattern` matches in the sources of the loader.
std::set<std::string> in_sources(const std::string& pattern) {
  std::set<std::string> found;
  const std::regex expression{pattern};
  for (const auto& file : std::filesystem::directory_iterator{source("config")}) {
    if (file.path().extension() != ".cpp") continue;
    const auto text = file_text(file.path().string());
    for (std::sregex_iterator i{text.begin(), text.end(), expression}, end; i != end; ++i)
      found.insert((*i)[1]);
  }
  return found;
}

std::string document() {
  return file_text(source("docs/configuration.md"));
}

TEST_CASE("every key that the loader reads is documented") {
  const auto keys = in_sources(
      "\\.(?:find|take|integer|count|number|seconds|boolean|text|word|texts|expanded|one_of)"
      "\\(\"(\\w+)\"");
  CHECK(keys.size() > 50);
  const auto text = document();
  for (const auto& key : keys) {
    INFO(key);
    CHECK(std::regex_search(text, std::regex{"[`.]" + key + "`"}));
  }
}

TEST_CASE("every rule of a diagnostic is documented") {
  const auto rules = in_sources("\"([a-z]+(?:-[a-z]+)+|syntax|encoding|indentation|unreadable)\",");
  CHECK(rules.size() > 30);
  const auto text = document();
  for (const auto& rule : rules) {
    INFO(rule);
    CHECK(text.find('`' + rule + '`') != std::string::npos);
  }
}

TEST_CASE("the documented examples are one configuration that loads") {
  std::istringstream in{document()};
  std::string yaml;
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    if (line == "```yaml")
      inside = true;
    else if (line == "```")
      inside = false;
    else if (inside)
      yaml += line + '\n';
  }
  const auto result = load_text(yaml, "x",
                                with({{"OPENAI_API_KEY", "k"},
                                      {"A", "k"},
                                      {"B", "k"},
                                      {"ECHELON_ADMIN_TOKEN", "k"},
                                      {"WEB_KEY", "k"},
                                      {"BATCH_KEY", "k"}}));
  INFO(told(result));
  CHECK(result.config);
  for (const auto& d : result.diagnostics)
    CHECK((d.rule == "undefined-model" || d.rule == "not-yet"));
}

} // namespace
} // namespace echelon::config::test
