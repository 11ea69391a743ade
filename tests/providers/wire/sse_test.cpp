#include "providers/sse.hpp"
#include "tests/providers/wire/support.hpp"

#include <catch2/catch.hpp>

namespace echelon::providers {
namespace {

using events = std::vector<sse_event>;

events parse_all(const std::vector<std::string>& pieces) {
  sse_parser parser;
  events out;
  for (const auto& piece : pieces)
    REQUIRE(parser.feed(piece, out));
  parser.finish(out);
  return out;
}

events parse_all(const std::string& bytes) {
  return parse_all(std::vector<std::string>{bytes});
}

TEST_CASE("SSE.2 LF, CRLF, CR and a mix of them end lines at every split", "[sse]") {
  const events expected{{"", "one"}, {"x", "two"}, {"", "three"}};
  for (const std::string end : {"\n", "\r\n", "\r"}) {
    const auto bytes = "data: one" + end + end + "event: x" + end + "data: two" + end + end
                       + "data: three" + end + end;
    CHECK(parse_all(bytes) == expected);
    for (const auto& pieces : test::all_splits(bytes))
      REQUIRE(parse_all(pieces) == expected);
  }
  const std::string mixed = "data: one\r\n\nevent: x\rdata: two\n\r\ndata: three\r\r";
  for (const auto& pieces : test::all_splits(mixed))
    REQUIRE(parse_all(pieces) == expected);
}

TEST_CASE("SSE.2 an event leaves with its blank line, also with lone CR", "[sse]") {
  sse_parser parser;
  events out;
  REQUIRE(parser.feed("data: a\r\r", out));
  CHECK(out == events{{"", "a"}});
  REQUIRE(parser.feed("\ndata: b\n", out));
  CHECK(out.size() == 1);
  REQUIRE(parser.feed("\n", out));
  CHECK(out == events{{"", "a"}, {"", "b"}});
}

TEST_CASE("SSE.3 the line grammar is understood at every split", "[sse]") {
  const std::string bytes = "\xEF\xBB\xBF"
                            "data:tight\n\n"
                            ": a comment\n"
                            "data: first\ndata:  second\n\n"
                            "event: x\nid: 7\nretry: 10\ndata: fields\n\n"
                            "foo\ndata\ndata: after\n\n";
  const events expected{{"", "tight"}, {"", "first\n second"}, {"x", "fields"}, {"", "\nafter"}};
  CHECK(parse_all(bytes) == expected);
  for (const auto& pieces : test::all_splits(bytes))
    REQUIRE(parse_all(pieces) == expected);
}

TEST_CASE("events without data are none", "[sse]") {
  CHECK(parse_all("event: ping\n\n\n\ndata:\n\n: only a comment\n\n").empty());
}

TEST_CASE("SSE.5 the last event counts without its blank line or line end", "[sse]") {
  CHECK(parse_all("data: a\n\ndata: b") == events{{"", "a"}, {"", "b"}});
  CHECK(parse_all("data: b\n") == events{{"", "b"}});
}

TEST_CASE("SSE.4 a line of 20 MB passes in linear time", "[sse]") {
  const std::string text(20'000'000, 'x');
  sse_parser parser;
  events out;
  REQUIRE(parser.feed("data: ", out));
  for (std::size_t at = 0; at < text.size(); at += 1000)
    REQUIRE(parser.feed(std::string_view{text}.substr(at, 1000), out));
  REQUIRE(parser.feed("\n\ndata: next\n\n", out));
  REQUIRE(out.size() == 2);
  CHECK(out[0].data == text);
  CHECK(out[1].data == "next");
}

TEST_CASE("an event above the limit ends the parsing", "[sse]") {
  sse_parser parser{10};
  events out;
  CHECK(parser.feed("data: ok\n\n", out));
  CHECK_FALSE(parser.feed("data: 0123456789", out));
  CHECK_FALSE(parser.feed("\n\n", out));
  parser.finish(out);
  CHECK(out.size() == 1);
  sse_parser lines{10};
  CHECK_FALSE(lines.feed("data: 12345\ndata: 67890\n\n", out));
}

TEST_CASE("lines that are no fields are kept apart", "[sse]") {
  sse_parser parser;
  events out;
  REQUIRE(parser.feed("data: a\n\n{\"error\": {\n\"code\": 503}}\n", out));
  parser.finish(out);
  CHECK(parse_json(parser.stray())["error"]["code"] == 503);
}

} // namespace
} // namespace echelon::providers
