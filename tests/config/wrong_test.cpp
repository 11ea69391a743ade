// Tables of wrong snippets: data/wrong/*.txt hold `## name`, the snippet, `>>` and all that is
// said.
#include "support.hpp"

namespace echelon::config::test {
namespace {

struct wrong {
  std::string name, yaml, said;
};

std::vector<wrong> table(const std::string& name) {
  std::istringstream in{file_text(source("tests/config/data/wrong/" + name + ".txt"))};
  std::vector<wrong> found;
  bool answer = false;
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("## ", 0) == 0) {
      found.push_back({line.substr(3), "", ""});
      answer = false;
    } else if (line == ">>") {
      answer = true;
    } else {
      (answer ? found.back().said : found.back().yaml) += line + '\n';
    }
  }
  return found;
}

const variables environment{{"UP_KEY", "sk-up"}, {"EMPTY_KEY", ""}, {"LINE_KEY", "a\nb"}};

/// @returns How many snippets the table has.
std::size_t check(const std::string& name, bool complete = true) {
  const auto snippets = table(name);
  for (const auto& x : snippets) {
    INFO(name << ": " << x.name);
    const auto yaml = complete ? completed(x.yaml) : x.yaml;
    const auto result = load_text(yaml, "x", with(environment));
    CHECK(told(result) == x.said);
    CHECK_FALSE(x.said.empty());
    CHECK((result.config == nullptr) == (x.said.find(": error: ") != std::string::npos));
  }
  return snippets.size();
}

TEST_CASE("faults of task groups are told in full") {
  CHECK(check("groups") >= 35);
}
TEST_CASE("CONFIG.2 CONFIG.7 faults of numbers are told in full") {
  CHECK(check("numbers") >= 30);
}
TEST_CASE("faults of nodes and pools are told in full") {
  CHECK(check("nodes") >= 30);
}
TEST_CASE("faults of limits are told in full") {
  CHECK(check("limits") >= 18);
}
TEST_CASE("faults of providers, models, server and keys are told in full") {
  CHECK(check("providers") >= 40);
}
TEST_CASE("faults of telemetry are told in full") {
  CHECK(check("telemetry") >= 5);
}
TEST_CASE("CONFIG.3 faults of whole documents are told in full") {
  CHECK(check("documents", false) >= 18);
}

TEST_CASE("a fault never shows the value of a variable") {
  for (const char* yaml :
       {"providers: {p: {kind: openai, base_url: \"${SECRET}\", api_key: \"${SECRET}\"}}",
        "server: {admin_token: \"${SECRET}\", listen: \"${SECRET}\"}",
        "auth: {keys: {me: \"${SECRET}\"}}"}) {
    const auto said = told(load_snippet(yaml, {{"SECRET", "hush\n"}}));
    CHECK(said.find("error") != std::string::npos);
    CHECK(said.find("hush") == std::string::npos);
  }
}

} // namespace
} // namespace echelon::config::test
