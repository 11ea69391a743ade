// docs/configuration.md says what the loader does.
#include "support.hpp"

#include "config/schema.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
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

/// The reference with its tables as the schema has them.
std::string with_tables(std::string text) {
  for (const auto* x : all_sections()) {
    const auto begin = "<!-- table " + std::string{x->title} + " -->\n";
    const auto at = text.find(begin);
    if (at == std::string::npos) return "docs/configuration.md lacks " + begin;
    const auto from = at + begin.size();
    text.replace(from, text.find("<!-- end -->", from) - from, schema_table(*x));
  }
  return text;
}

// ECHELON_WRITE_DOCS=1 writes the tables instead.
TEST_CASE("the tables of the reference are those of the schema") {
  const auto fresh = with_tables(document());
  if (std::getenv("ECHELON_WRITE_DOCS") != nullptr)
    std::ofstream{source("docs/configuration.md")} << fresh;
  CHECK(document() == fresh);
}

TEST_CASE("every key that the loader reads is in its schema") {
  const auto keys = in_sources(
      "\\.(?:find|take|integer|count|number|seconds|boolean|text|word|texts|expanded|one_of)"
      "\\(\"(\\w+)\"");
  CHECK(keys.size() > 50);
  std::set<std::string> known;
  for (const auto* x : all_sections())
    for (const auto& key : x->keys)
      known.emplace(key.name);
  for (const auto& key : keys) {
    INFO(key);
    CHECK(known.count(key) == 1);
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
    CHECK(d.rule == "undefined-model");
}

} // namespace
} // namespace echelon::config::test
