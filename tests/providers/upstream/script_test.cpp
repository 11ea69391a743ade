// Scripts of the simulator: what they may say and how their faults are told.
#include "providers/simulator/script.hpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace echelon::providers;
using namespace std::chrono_literals;

namespace {

std::string fault(const std::string& text) {
  try {
    (void)parse_script(text, "s");
  } catch (const script_error& error) {
    return error.what();
  }
  return "no fault";
}

std::string in_then(const std::string& text) {
  return fault("rules:\n  - then: {" + text + "}\n");
}

} // namespace

TEST_CASE("an empty script and one of comments have no rules") {
  CHECK(parse_script("", "s").rules.empty());
  CHECK(parse_script("# nothing\n", "s").rules.empty());
  CHECK(parse_script("rules: []", "s").rules.empty());
}

TEST_CASE("every key of a rule is read") {
  const auto script = parse_script(R"(
defaults: {latency: 0.5, per_token: 0.25}
rules:
  - match: {model: gpt-4, path: /chat/completions, contains: bad, stream: true, header: {X-A: "1"}, from: 2, to: 3}
    then: {status: 429, body: {error: {code: 7, name: "7", ok: true}}, headers: {Retry-After: 2},
           latency: 0.125, first_token: 1, repeat: 4}
  - match: {nth: 5}
    then: {text: "one two", cut_after: 1}
  - then: {words: 3, error_event: {error: {message: m}}, error_after: 2, hang: false}
)",
                                   "s");
  REQUIRE(script.rules.size() == 3);
  const auto& first = script.rules[0];
  CHECK(first.match.model == "gpt-4");
  CHECK(first.match.path == "/chat/completions");
  CHECK(first.match.contains == "bad");
  CHECK(first.match.stream == true);
  CHECK(first.match.headers.at("x-a") == "1");
  CHECK(first.match.from == 2);
  CHECK(first.match.to == 3);
  CHECK(first.repeat == 4);
  CHECK(first.then.status == 429);
  CHECK(first.then.body == R"({"error":{"code":7,"name":"7","ok":true}})");
  CHECK(first.then.headers == header_list{{"retry-after", "2"}});
  CHECK(first.then.timing.latency == 125ms);
  CHECK(first.then.timing.first_token == 1s);
  CHECK(first.then.timing.per_token == 250ms); // From defaults.
  const auto& second = script.rules[1];
  CHECK((second.match.from == 5 && second.match.to == 5));
  CHECK(second.then.text == "one two");
  CHECK(second.then.ending == script_ending::cut);
  CHECK(second.then.ending_after == 1);
  CHECK(second.then.timing.latency == 500ms);
  const auto& third = script.rules[2];
  CHECK(third.then.words == 3);
  CHECK(third.then.error_event.value()["error"]["message"] == "m");
  CHECK(third.then.error_after == 2);
  CHECK(third.then.ending == script_ending::complete);
}

TEST_CASE("JSON is a script too") {
  const auto script = parse_script(R"({"rules":[{"match":{"nth":1},"then":{"hang":true}}]})", "s");
  REQUIRE(script.rules.size() == 1);
  CHECK(script.rules[0].then.ending == script_ending::hang);
}

TEST_CASE("every ending of an answer can be scripted") {
  const auto ending = [](const std::string& text) {
    return parse_script("rules: [{then: {" + text + "}}]", "s").rules.at(0).then.ending;
  };
  CHECK(ending("cut_after: 0") == script_ending::cut);
  CHECK(ending("close_after: 2") == script_ending::close);
  CHECK(ending("stall_after: 2") == script_ending::stall);
  CHECK(ending("hang: true") == script_ending::hang);
  CHECK(ending("drop: reset") == script_ending::drop_cut);
  CHECK(ending("drop: close") == script_ending::drop_close);
}

TEST_CASE("a fault is told with its place") {
  CHECK(fault("rules:\n  - then: {statsu: 500}\n")
            .starts_with("s:2:12: unknown key 'statsu' in then; known: status, body,"));
  CHECK(fault("rules:\n  - then: {status: 500}\n  - {}\n") == "s:3:5: a rule needs 'then'");
  CHECK(fault("rule: []") == "s:1:1: unknown key 'rule' in the script; known: defaults, rules");
  CHECK(fault("rules: {}") == "s:1:8: rules must be a list");
  CHECK(fault("[1]") == "s:1:1: the script must be a mapping");
  CHECK(fault("rules: [{then: 5}]") == "s:1:16: then must be a mapping");
  CHECK(fault("rules: [{match: [], then: {}}]") == "s:1:17: match must be a mapping");
  CHECK(fault("rules:\n\t- a") != "no fault");
  CHECK(fault("rules: [\"").starts_with("s:1:"));
}

TEST_CASE("a key given twice is a fault") {
  CHECK(fault("rules:\n - then: {status: 500, status: 501}\n")
        == "s:2:24: key 'status' is given twice in then");
}

TEST_CASE("wrong values are faults that name the key and what it takes") {
  CHECK(in_then("status: abc") == "s:2:20: status must be a whole number from 200 to 599");
  CHECK(in_then("status: 99") == "s:2:20: status must be a whole number from 200 to 599");
  CHECK(in_then("latency: -1") == "s:2:21: latency must be a number of seconds from 0 to 86400");
  CHECK(in_then("latency: .nan") == "s:2:21: latency must be a number of seconds from 0 to 86400");
  CHECK(in_then("per_token: 1s")
        == "s:2:23: per_token must be a number of seconds from 0 to 86400");
  CHECK(in_then("hang: 1") == "s:2:18: hang must be true or false");
  CHECK(in_then("drop: softly") == "s:2:18: drop must be reset or close");
  CHECK(in_then("repeat: 0").starts_with("s:2:20: repeat must be a whole number from 1"));
  CHECK(in_then("text: [a]") == "s:2:18: text must be a text");
  CHECK(in_then("headers: {a: \"b\\r\\nc\"}") == "s:2:25: header a has a line break");
  CHECK(fault("rules: [{match: {nth: 0}, then: {}}]").find("nth must be a whole number from 1")
        != std::string::npos);
}

TEST_CASE("keys that exclude each other are faults") {
  CHECK(in_then("hang: true, cut_after: 1").find("cut_after excludes hang") != std::string::npos);
  CHECK(in_then("text: a, words: 2").find("words excludes text") != std::string::npos);
  CHECK(in_then("error_after: 2").find("error_after needs error_event") != std::string::npos);
  CHECK(fault("rules: [{match: {nth: 1, from: 2}, then: {}}]").find("nth excludes from and to")
        != std::string::npos);
  CHECK(fault("rules: [{match: {from: 3, to: 2}, then: {}}]").find("to is smaller than from")
        != std::string::npos);
}

TEST_CASE("a script comes from a file, and a missing file is named") {
  const auto path = std::filesystem::temp_directory_path()
                    / ("echelon-script-" + std::to_string(::getpid()) + ".yaml");
  std::ofstream{path} << "rules: [{then: {status: 503}}]";
  CHECK(load_script(path.string()).rules.at(0).then.status == 503);
  std::ofstream{path, std::ios::trunc} << "";
  CHECK(load_script(path.string()).rules.empty());
  std::filesystem::remove(path);
  CHECK_THROWS_WITH(load_script(path.string()), path.string() + ": cannot be read");
}
