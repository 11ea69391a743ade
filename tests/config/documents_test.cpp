// Odd bytes, odd ends and broken files.
#include "support.hpp"

namespace echelon::config::test {
namespace {

const std::string whole =
    completed("task_groups:\n  g:\n    description: \"x\"\n    t: {models: [m], rpm_limit: 7}\n");

std::string told_of(const std::string& text) {
  return told(load_text(text, "x", with({})));
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (auto i = text.find(from); i != std::string::npos; i = text.find(from, i + to.size()))
    text.replace(i, from.size(), to);
  return text;
}

std::string utf16(const std::string& text, bool mark) {
  std::string wide = mark ? std::string{"\xFF\xFE"} : std::string{};
  for (const char c : text)
    wide += std::string{c} + '\0';
  return wide;
}

void check_same(const std::string& text) {
  const auto result = load_text(text, "x", with({}));
  CHECK(told(result).empty());
  REQUIRE(result.config);
  CHECK(result.config->tier({"g", "t"})->rpm_limit == 7U);
}

TEST_CASE("CONFIG.3 a byte order mark changes nothing") {
  check_same("\xEF\xBB\xBF" + whole);
}
TEST_CASE("CONFIG.3 CRLF line ends change nothing") {
  check_same(replaced(whole, "\n", "\r\n"));
}
TEST_CASE("CONFIG.3 no final line end changes nothing") {
  check_same(whole.substr(0, whole.size() - 1));
}
TEST_CASE("CONFIG.3 a document marker changes nothing") {
  check_same("---\n" + whole + "...\n");
}
TEST_CASE("CONFIG.3 blank lines of tabs change nothing") {
  check_same("\t\n" + whole + "\t \n\t# comment\n");
}
TEST_CASE("CONFIG.3 a comment of ten megabytes changes nothing") {
  check_same('#' + std::string(10'000'000, 'x') + '\n' + whole);
}
TEST_CASE("CONFIG.3 text of any script is kept") {
  const std::string text = "\xE5\xBF\xAB\xE9\x80\x9F \xF0\x9F\x98\x80 \xD0\xB9";
  const auto result = load_text(replaced(whole, "\"x\"", '"' + text + '"'), "x", with({}));
  CHECK(told(result).empty());
  REQUIRE(result.config);
  CHECK(result.config->group("g")->description == text);
}

TEST_CASE("CONFIG.3 an empty file lacks its task_groups") {
  const std::string said = "1:1: error: there is no task_groups section [missing-key]\n";
  for (const char* text : {"", "\n", "# only\n# comments", "~", "{}", "\xEF\xBB\xBF"})
    CHECK(told_of(text) == said);
  CHECK(told_of("---\n") == "2:1: error: there is no task_groups section [missing-key]\n");
}

TEST_CASE("CONFIG.3 encodings that are not UTF-8 are refused") {
  CHECK(told_of(utf16(whole, true))
        == "1:1: error: the file is UTF-16; save it as UTF-8 [encoding]\n");
  CHECK(told_of(utf16(whole, false)) == "1:2: error: a NUL byte [encoding]\n");
  CHECK(told_of(replaced(whole, "\"x\"", "\"\xE9t\xE9\""))
        == "3:19: error: not valid UTF-8 [encoding]\n");
  CHECK(told_of(replaced(whole, "\"x\"", std::string{"\"x"} + '\0' + '"'))
        == "3:20: error: a NUL byte [encoding]\n");
  for (const char* bytes : {"\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF5\x80\x80\x80",
                            "\xF4\x90\x80\x80", "\x80", "\xE2\x82"})
    CHECK(told_of(std::string{"a: "} + bytes) == "1:4: error: not valid UTF-8 [encoding]\n");
}

TEST_CASE("CONFIG.3 indentation by other than blanks is refused") {
  CHECK(told_of("task_groups:\n\tg: {}\n")
        == "2:1: error: a tab as indentation; use spaces [indentation]\n");
  CHECK(told_of("task_groups:\n \tg: {}\n\th: {}\n")
        == "2:2: error: a tab as indentation; use spaces [indentation]\n"
           "3:1: error: a tab as indentation; use spaces [indentation]\n");
  CHECK(told_of("task_groups:\n\xC2\xA0g: {}\n")
        == "2:1: error: a non-breaking space as indentation; use plain spaces [indentation]\n");
}

TEST_CASE("CONFIG.3 a quote that is cut off is refused") {
  const auto said = told_of("task_groups:\n  g:\n    description: \"half");
  CHECK(said.rfind("3:", 0) == 0);
  CHECK(said.find("error: not valid YAML: ") != std::string::npos);
}

TEST_CASE("CONFIG.3 nesting is bounded, through aliases too") {
  const auto deep = [](const std::string& text) {
    const auto said = told_of(text);
    CHECK(said.find("error: nested more than 64 levels deep [too-deep]\n") != std::string::npos);
  };
  deep(std::string(100'000, '['));
  deep(std::string(100'000, '{'));
  std::string dashes, questions, aliases = "- &a0 [x]\n";
  for (int i = 0; i < 50'000; ++i)
    dashes += "- ";
  for (int i = 0; i < 50'000; ++i)
    questions += "? ";
  for (int i = 1; i < 50'000; ++i)
    aliases += "- &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) + "]\n";
  deep(dashes);
  deep(questions);
  deep(aliases);
}

TEST_CASE("CONFIG.3 a file beyond 16 MiB is refused") {
  CHECK(told_of(std::string((std::size_t{16} << 20U) + 1, '#'))
        == "0:0: error: the file is larger than 16 MiB [too-large]\n");
}

TEST_CASE(
    "CONFIG.3 a file cut off or damaged anywhere gets a diagnostic with its place, or loads") {
  const auto seed = file_text(source("tests/config/data/seed.yaml"));
  const auto check = [](const std::string& text, std::size_t at) {
    const auto result = load_text(text, "x", with({}));
    INFO("at byte " << at << ":\n" << told(result));
    bool error = false;
    for (const auto& d : result.diagnostics) {
      error = error || d.sev == severity::error;
      CHECK(d.line >= 1);
      CHECK(d.column >= 1);
    }
    CHECK(error == (result.config == nullptr));
  };
  for (std::size_t i = 0; i < seed.size(); i += 61)
    check(seed.substr(0, i), i);
  const std::string damage = "\"'{}[]:,&*!|>%@`#-? \t\n\x01\x80";
  for (std::size_t i = 7; i < seed.size(); i += 61) {
    auto text = seed;
    text[i] = damage[i % damage.size()];
    check(text, i);
  }
}

} // namespace
} // namespace echelon::config::test
