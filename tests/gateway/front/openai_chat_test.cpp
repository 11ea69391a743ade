#include "tests/gateway/front/front_samples.hpp"

using namespace echelon::gateway;
using namespace echelon::test;

namespace {

const front& uut = openai_chat_front();

json body_with(const json& extra = json::object()) {
  json body = {{"model", "plan_group"}, {"messages", {{{"role", "user"}, {"content", "hi"}}}}};
  body.update(extra);
  return body;
}

json body_of(json message) {
  return body_with({{"messages", json::array({std::move(message)})}});
}

} // namespace

TEST_CASE("a chat request is kept as it was sent", "[front][chat]") {
  const auto body = body_with({{"temperature", 0.5}, {"vendor_field", {{"a", nullptr}}}});
  const auto request = accepted(uut, body);
  CHECK(request.target == "plan_group");
  CHECK(request.canonical.op == echelon::providers::operation::chat);
  CHECK(request.canonical.body() == body);
  CHECK_FALSE(request.canonical.stream);
  CHECK_FALSE(request.include_usage);
}

TEST_CASE("SHAPE.6 only stream true asks for a stream", "[front][chat]") {
  CHECK_FALSE(accepted(uut, body_with({{"stream", nullptr}})).canonical.stream);
  CHECK_FALSE(accepted(uut, body_with({{"stream", false}})).canonical.stream);
  CHECK(accepted(uut, body_with({{"stream", true}})).canonical.stream);
  CHECK(fault(uut, body_with({{"stream", "true"}})) == "stream");
  CHECK(fault(uut, body_with({{"stream", 1}})) == "stream");
}

TEST_CASE("a wrong field of a chat request is named", "[front][chat]") {
  CHECK(fault(uut, {{"messages", json::array()}}) == "model");
  CHECK(fault(uut, body_with({{"model", ""}})) == "model");
  CHECK(fault(uut, body_with({{"model", 4}})) == "model");
  CHECK(fault(uut, {{"model", "t"}}) == "messages");
  CHECK(fault(uut, body_with({{"messages", json::array()}})) == "messages");
  CHECK(fault(uut, body_with({{"messages", "hi"}})) == "messages");
  CHECK(fault(uut, body_of("hi")) == "messages[0]");
  CHECK(fault(uut, body_of({{"content", "x"}})) == "messages[0].role");
  CHECK(fault(uut, body_of({{"role", "robot"}, {"content", "x"}})) == "messages[0].role");
  CHECK(fault(uut, body_of({{"role", "user"}})) == "messages[0].content");
  CHECK(fault(uut, body_of({{"role", "user"}, {"content", 4}})) == "messages[0].content");
  CHECK(fault(uut, body_of({{"role", "user"}, {"content", {{{"type", "text"}}}}}))
        == "messages[0].content[0].text");
  CHECK(fault(uut, body_of({{"role", "tool"}, {"content", "x"}})) == "messages[0].tool_call_id");
  CHECK(fault(uut, body_of({{"role", "assistant"}, {"tool_calls", {{{"id", "a"}}}}}))
        == "messages[0].tool_calls[0].function");
  CHECK(fault(uut, body_with({{"temperature", "warm"}})) == "temperature");
  CHECK(fault(uut, body_with({{"max_tokens", 0}})) == "max_tokens");
  CHECK(fault(uut, body_with({{"max_tokens", 1.5}})) == "max_tokens");
  CHECK(fault(uut, body_with({{"n", -1}})) == "n");
  CHECK(fault(uut, body_with({{"stop", {"a", 1}}})) == "stop[1]");
  CHECK(fault(uut, body_with({{"tools", {{{"type", "function"}}}}})) == "tools[0].function");
  CHECK(fault(uut, body_with({{"tool_choice", "maybe"}})) == "tool_choice");
  CHECK(fault(uut, body_with({{"response_format", "json"}})) == "response_format");
  CHECK(fault(uut, body_with({{"stream_options", {{"include_usage", 1}}}}))
        == "stream_options.include_usage");
}

TEST_CASE("null counts as absent in a chat request", "[front][chat]") {
  CHECK(accepted(uut, body_with({{"temperature", nullptr},
                                 {"max_tokens", nullptr},
                                 {"stop", nullptr},
                                 {"tools", nullptr},
                                 {"stream_options", nullptr}}))
            .target
        == "plan_group");
  const auto turn = body_of(
      {{"role", "assistant"},
       {"content", nullptr},
       {"tool_calls",
        {{{"id", "a"}, {"type", "function"}, {"function", {{"name", "f"}, {"arguments", ""}}}}}}});
  CHECK(accepted(uut, turn).canonical.body() == turn);
}

TEST_CASE("a chat answer passes unchanged with its thoughts", "[front][chat]") {
  const auto answer = answer_of(
      {{"role", "assistant"}, {"content", "Hello"}, {"reasoning_content", "hmm"}}, "stop");
  CHECK(json::parse(uut.answer(accepted(uut, body_with()), answer)) == answer);
}

TEST_CASE("an OpenAI error has all four keys", "[front][chat]") {
  const api_error full{.status = 404,
                       .message = "no model",
                       .type = "invalid_request_error",
                       .code = "model_not_found",
                       .param = "model"};
  CHECK(json::parse(uut.error_body(full, "req_1"))
        == json{{"error",
                 {{"message", "no model"},
                  {"type", "invalid_request_error"},
                  {"param", "model"},
                  {"code", "model_not_found"}}}});
  const auto bare = json::parse(uut.error_body({.message = "boom"}, ""))["error"];
  CHECK(bare
        == json{
            {"message", "boom"}, {"type", "server_error"}, {"param", nullptr}, {"code", nullptr}});
}

TEST_CASE("a chat stream is data events and [DONE]", "[front][chat]") {
  const auto request = accepted(uut, body_with({{"stream", true}}));
  const auto events =
      streamed(uut, request, {text_chunk("Hel"), chunk_of({}, "stop"), usage_chunk()});
  REQUIRE(events.size() == 3);
  CHECK(events[0].value() == text_chunk("Hel"));
  CHECK(events[1].value() == chunk_of(json::object(), "stop"));
  CHECK(events[2].data == "[DONE]");
  for (const auto& event : events)
    CHECK(event.event.empty());
}

TEST_CASE("SHAPE.1 usage is the last chunk before [DONE] when it was asked for", "[front][chat]") {
  const auto request =
      accepted(uut, body_with({{"stream", true}, {"stream_options", {{"include_usage", true}}}}));
  json filter = {{"choices", json::array()}, {"prompt_filter_results", json::array()}};
  json no_choices = {{"id", "chatcmpl-1"}};
  const auto events = streamed(
      uut, request, {filter, no_choices, text_chunk("x"), usage_chunk(), chunk_of({}, "stop")});
  REQUIRE(events.size() == 6);
  CHECK(events[0].value()["choices"] == json::array());
  CHECK(events[1].value()["choices"] == json::array());
  for (std::size_t i = 0; i < 4; ++i)
    CHECK(events[i].value().at("usage").is_null());
  const auto last = events[4].value();
  CHECK(last["choices"] == json::array());
  CHECK(last["usage"] == sample_usage());
  CHECK(last["id"] == "chatcmpl-1");
  CHECK(last["model"] == "m");
  CHECK(last["created"] == 7);
  CHECK(events[5].data == "[DONE]");
}

TEST_CASE("usage on a content chunk moves to the end or is left out", "[front][chat]") {
  auto chunk = text_chunk("x");
  chunk["usage"] = sample_usage();
  const auto plain = streamed(uut, accepted(uut, body_with({{"stream", true}})), {chunk});
  REQUIRE(plain.size() == 2);
  CHECK_FALSE(plain[0].value().contains("usage"));
  const auto asked = streamed(
      uut,
      accepted(uut, body_with({{"stream", true}, {"stream_options", {{"include_usage", true}}}})),
      {chunk});
  REQUIRE(asked.size() == 3);
  CHECK(asked[0].value()["usage"].is_null());
  CHECK(asked[1].value()["usage"] == sample_usage());
}

TEST_CASE("a chunk gets the members that OpenAI's clients rely on", "[front][chat]") {
  const auto request = accepted(uut, body_with({{"stream", true}}));
  auto other = text_chunk("b");
  other["id"] = "chatcmpl-2";
  other["obfuscation"] = "xyz";
  const json bare = {{"choices", {{{"delta", {{"content", "c"}}}}}}};
  const auto events = streamed(uut, request, {text_chunk("a"), other, bare});
  CHECK(events[1].value() == text_chunk("b"));
  CHECK(events[2].value() == text_chunk("c"));
}

TEST_CASE("ENDING.1 an error ends a chat stream without [DONE]", "[front][chat]") {
  const auto encoder = uut.encode_stream(accepted(uut, body_with({{"stream", true}})));
  CHECK(events_of(encoder->chunk(text_chunk("x"))).size() == 1);
  const auto events = events_of(encoder->error({.status = 502,
                                                .message = "upstream stream ended early",
                                                .type = "upstream_error",
                                                .code = "stream_interrupted"}));
  REQUIRE(events.size() == 1);
  CHECK(events[0].value()
        == json{{"error",
                 {{"message", "upstream stream ended early"},
                  {"type", "upstream_error"},
                  {"param", nullptr},
                  {"code", "stream_interrupted"}}}});
  CHECK(encoder->finish().empty());
  CHECK(encoder->chunk(text_chunk("y")).empty());
}
