#include "gateway/front/body_reader.hpp"

#include "tests/gateway/front/front_samples.hpp"

using namespace echelon::gateway;
using namespace echelon::test;

namespace {

const front* const every_front[] = {&openai_chat_front(), &openai_embeddings_front(),
                                    &openai_responses_front(), &anthropic_messages_front()};

std::string nested(std::size_t depth) {
  return R"({"model":"t","metadata":)" + std::string(depth, '[') + std::string(depth, ']') + "}";
}

} // namespace

TEST_CASE("every front refuses what is no JSON object", "[front]") {
  for (const auto* uut : every_front)
    for (const auto* body : {"", "{", "[]", "1", "null", "{\"model\":}", "{} {}", "{\"a\":1e999}"})
      CHECK_FALSE(refused(*uut, body).message.empty());
}

TEST_CASE("SHAPE.5 bad text of a client is a 400 whose body is valid UTF-8", "[front]") {
  for (const auto* uut : every_front)
    for (const auto* body : {"{\"model\":\"\xFF\"}", "{\"model\":\"\\udcab\"}", "\xFF\xFE",
                             "{\"model\":\"\xE2\x82\"}"}) {
      const auto error = refused(*uut, body);
      CHECK_NOTHROW(json::parse(uut->error_body(error, "req_1")));
    }
}

TEST_CASE("SHAPE.5 bytes that are no UTF-8 are replaced in answers, streams and errors",
          "[front]") {
  const auto request = accepted(
      openai_chat_front(), {{"model", "t"}, {"messages", {{{"role", "user"}, {"content", "x"}}}}});
  for (const auto* uut :
       {&openai_chat_front(), &openai_responses_front(), &anthropic_messages_front()}) {
    CHECK_NOTHROW(json::parse(
        uut->answer(request, answer_of({{"role", "assistant"}, {"content", "\xC3\x28"}}, "stop"))));
    CHECK_NOTHROW(json::parse(uut->error_body({.message = "\xFF\xFE"}, "\xFF")));
    const auto encoder = uut->encode_stream(request);
    for (const auto& event : events_of(encoder->chunk(text_chunk("\xE2\x82"))))
      CHECK_NOTHROW(event.value());
    for (const auto& event : events_of(encoder->error({.message = "\xFF"})))
      CHECK_NOTHROW(event.value());
  }
}

TEST_CASE("nesting is bounded before anything recursive sees it", "[front]") {
  CHECK_NOTHROW(parse_object(nested(255)));
  CHECK_THROWS_AS(parse_object(nested(256)), bad_request);
  CHECK_THROWS_AS(parse_object(nested(5'000'000)), bad_request);
  CHECK_NOTHROW(parse_object(R"({"a":")" + std::string(1000, '[') + R"(\"[["})"));
}

TEST_CASE("an integer out of range is refused, not wrapped", "[front]") {
  const json body = {{"n", UINT64_MAX}, {"m", -3}, {"k", 5}};
  const object_reader uut{body, "a"};
  CHECK_THROWS_AS(uut.integer("n", 1), bad_request);
  CHECK_THROWS_AS(uut.integer("m", 1), bad_request);
  CHECK(uut.integer("k", 1) == 5);
  CHECK_FALSE(uut.integer("absent", 1));
}
