#include "cli/bench/stream_reader.hpp"

#include <catch2/catch.hpp>

using echelon::cli::stream_reader;
using namespace std::chrono_literals;

namespace {

const stream_reader::time_point start{1h};

std::string event(const std::string& delta) {
  return R"(data: {"choices": [{"index": 0, "delta": )" + delta + "}]}\n\n";
}

const std::string role = event(R"({"role": "assistant", "content": ""})");
const std::string done = "data: [DONE]\n\n";

} // namespace

TEST_CASE("the first token is the first that says something", "[bench]") {
  for (const auto* delta : {R"({"content": "a"})", R"({"reasoning_content": "a"})",
                            R"({"refusal": "a"})", R"({"tool_calls": [{"index": 0}]})"}) {
    INFO(delta);
    stream_reader uut;
    uut.feed(role, start);
    CHECK_FALSE(uut.first());
    uut.feed(event(delta), start + 1s);
    uut.feed(event(delta), start + 2s);
    uut.feed(done, start + 3s);
    REQUIRE(uut.first());
    CHECK(*uut.first() == start + 1s);
    CHECK(uut.events() == 4);
    CHECK(uut.failure().empty());
  }
}

TEST_CASE("a stream may come in pieces of any size", "[bench]") {
  const auto text = role + event(R"({"content": "a"})") + done;
  stream_reader uut;
  for (std::size_t i = 0; i < text.size(); ++i)
    uut.feed(text.substr(i, 1), start + std::chrono::seconds{i});
  CHECK(uut.events() == 3);
  CHECK(uut.failure().empty());
  // An event is whole with its blank line.
  CHECK(*uut.first()
        == start + std::chrono::seconds{role.size() + event(R"({"content": "a"})").size() - 1});
}

TEST_CASE("a stream that does not end as it should has failed", "[bench]") {
  const auto failure = [](const std::string& text) {
    stream_reader uut;
    uut.feed(text, start);
    return uut.failure();
  };
  CHECK(failure("") == "it ended without [DONE]");
  CHECK(failure(role + event(R"({"content": "a"})")) == "it ended without [DONE]");
  const auto error = "data: {\"error\": {\"message\": \"upstream died\"}}\n\n";
  CHECK(failure(error) == "upstream died");
  CHECK(failure(role + event(R"({"content": "a"})") + error) == "upstream died");
  CHECK(failure("data: {\"error\": 5}\n\n") == "an error event");
  CHECK(failure("data: {broken\n\n" + done) == "an event is no JSON object");
  // A word of the answer is no error.
  CHECK(
      failure(event(R"({"content": "a"})") + event(R"({"content": "\"error\""})") + done).empty());
}
