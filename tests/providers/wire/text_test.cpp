#include "providers/text.hpp"
#include "tests/providers/wire/support.hpp"

#include <catch2/catch.hpp>

#include <random>

namespace echelon::providers {
namespace {

TEST_CASE("texts are cut between characters", "[text]") {
  const std::string text = "a\xC3\xA9\xE5\x8C\x97\xF0\x9F\x98\x80z"; // a é 北 😀 z
  const std::vector<std::size_t> ends{0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
  for (std::size_t size = 0; size < ends.size(); ++size)
    CHECK(cut_utf8(text, size).size() == ends[size]);
}

TEST_CASE("SHAPE.5 ill-formed UTF-8 becomes U+FFFD, well-formed stays", "[text]") {
  CHECK(valid_utf8("北京😀é") == "北京😀é");
  CHECK(valid_utf8("\xC3\x28") == "\xEF\xBF\xBD(");
  CHECK(valid_utf8("a\xE2\x82") == "a\xEF\xBF\xBD");
  CHECK(valid_utf8(std::string_view{"\xFF\xFE\0", 3})
        == std::string{"\xEF\xBF\xBD\xEF\xBF\xBD\0", 7});
  CHECK(valid_utf8("\xED\xA0\x80") == "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"); // A surrogate.
  CHECK(valid_utf8("\xC0\xAF") == "\xEF\xBF\xBD\xEF\xBF\xBD");                 // Overlong.
}

TEST_CASE("SHAPE.5 whatever the bytes, what comes out is valid and stays as it is", "[text]") {
  std::mt19937 engine{42};
  std::uniform_int_distribution<int> byte{0, 255};
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (int i = 0; i < 24; ++i)
      text += static_cast<char>(byte(engine));
    const auto valid = valid_utf8(text);
    REQUIRE(valid_utf8(valid) == valid);
    REQUIRE_NOTHROW(nlohmann::json(valid).dump());
  }
}

TEST_CASE("SECRETS.1 keys do not stay in messages", "[text]") {
  CHECK(scrub("bad key sk-AAAA1111SECRET here") == "bad key [redacted] here");
  CHECK(scrub("(Bearer abcdef123456)") == "([redacted])");
  CHECK(scrub("AIzaSyABCDEF-123") == "[redacted]");
  CHECK(scrub("task-oriented and risk-averse people") == "task-oriented and risk-averse people");
  CHECK(scrub("key my secret!", "my secret") == "key [redacted]!");
  CHECK(scrub("cut in the mysec", "mysecretkey") == "cut in the [redacted]");
}

TEST_CASE("SECRETS.1 the key of an attempt is taken out of all texts of a failure", "[text]") {
  upstream_failure failure;
  failure.message = "no zzBBBB2222SECRET, no";
  failure.code = "zzBBBB2222SECRET";
  scrub_failure(failure, "zzBBBB2222SECRET");
  CHECK(failure.message == "no [redacted], no");
  CHECK(failure.code == "[redacted]");
}

TEST_CASE("TRIGGER.4 pages are not shown", "[text]") {
  CHECK(safe_message("<html>Bad Gateway</html>", 502) == "upstream answered 502 with text/html");
  CHECK(safe_message("\n<!DOCTYPE html><p>x", 404) == "upstream answered 404 with text/html");
  CHECK(safe_message("502 <b>bad</b>", 502) == "upstream answered 502 with text/html");
  CHECK(safe_message("a < b and c > d", 500) == "a < b and c > d");
  CHECK(safe_message("", 500) == "upstream answered 500");
}

TEST_CASE("LOOP.2 messages are cut to 500 bytes and one line", "[text]") {
  CHECK(safe_message(std::string(100'000, 'x'), 500).size() == 500);
  CHECK(safe_message("a\nb\x01", 500) == "a b ");
}

TEST_CASE("SHAPE.5 lone surrogates become U+FFFD, pairs stay", "[json]") {
  CHECK(parse_json(R"({"a":"x\ud83dy"})")["a"] == "x\xEF\xBF\xBDy");
  CHECK(parse_json(R"({"a":"\udcab"})")["a"] == "\xEF\xBF\xBD");
  CHECK(parse_json(R"({"a":"\ud83d\ude00 \ud83d"})")["a"] == "😀 \xEF\xBF\xBD");
  CHECK(parse_json(R"({"a":"\\ud83d \ud83d"})")["a"] == "\\ud83d \xEF\xBF\xBD");
  CHECK(parse_json(R"({"a":"\ud83d\n"})")["a"] == "\xEF\xBF\xBD\n");
  CHECK(parse_json("{\"a\":\"\xC3\x28\"}")["a"] == "\xEF\xBF\xBD(");
}

TEST_CASE("JSON nested too deep is no JSON", "[json]") {
  CHECK(parse_json(std::string(100'000, '[')).is_discarded());
  CHECK(parse_json(std::string(501, '[') + std::string(501, ']')).is_discarded());
  CHECK(parse_json(std::string(400, '[') + std::string(400, ']')).is_array());
  CHECK(parse_json("\"" + std::string(1000, '[') + "\"").is_string());
}

TEST_CASE("counts are read whatever their type, and nothing else is", "[json]") {
  const nlohmann::json value{{"a", 3}, {"b", 3.0}, {"c", -3}, {"d", 3.5}, {"e", "3"}, {"f", 1e300}};
  CHECK(count_of(value, "a") == 3);
  CHECK(count_of(value, "b") == 3);
  for (const auto* key : {"c", "d", "e", "f", "g"})
    CHECK(count_of(value, key) == std::nullopt);
}

} // namespace
} // namespace echelon::providers
