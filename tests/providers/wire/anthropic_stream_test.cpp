#include "tests/providers/wire/support.hpp"

#include <catch2/catch.hpp>

namespace echelon::providers::test {
namespace {

using config::provider_kind;
using policy::failure_class;

std::string event(json value) {
  return "event: " + value["type"].get<std::string>() + "\n" + data(value);
}

std::string start() {
  return event(
      {{"type", "message_start"},
       {"message",
        {{"id", "msg_1"},
         {"model", "claude"},
         {"content", json::array()},
         {"usage",
          {{"input_tokens", 21}, {"cache_read_input_tokens", 4}, {"output_tokens", 1}}}}}});
}

std::string open(int index, json block) {
  return event({{"type", "content_block_start"}, {"index", index}, {"content_block", block}});
}

std::string delta(int index, json value) {
  return event({{"type", "content_block_delta"}, {"index", index}, {"delta", std::move(value)}});
}

std::string text_delta(int index, const char* text) {
  return delta(index, {{"type", "text_delta"}, {"text", text}});
}

std::string json_delta(int index, const char* text) {
  return delta(index, {{"type", "input_json_delta"}, {"partial_json", text}});
}

std::string close(int index) {
  return event({{"type", "content_block_stop"}, {"index", index}});
}

std::string end(const char* reason) {
  return event({{"type", "message_delta"},
                {"delta", {{"stop_reason", reason}, {"stop_sequence", nullptr}}},
                {"usage",
                 {{"input_tokens", 21}, {"cache_read_input_tokens", 4}, {"output_tokens", 33}}}})
         + event({{"type", "message_stop"}});
}

json tool_block(const char* id, const char* name, json input = json::object()) {
  return {{"type", "tool_use"}, {"id", id}, {"name", name}, {"input", std::move(input)}};
}

const json text_block{{"type", "text"}, {"text", ""}};
const std::string ping = event({{"type", "ping"}});

outcome decode_anthropic(const std::string& bytes) {
  return decode(provider_kind::anthropic, bytes);
}

TEST_CASE("SSE.1 an Anthropic stream is the same wherever it is cut", "[anthropic][stream]") {
  const auto bytes =
      start() + ping + open(0, text_block) + text_delta(0, "北京😀é") + close(0) + end("end_turn");
  const auto whole = decode_anthropic(bytes);
  CHECK(whole.text() == "北京😀é");
  CHECK(whole.finished);
  CHECK(whole.finish_reasons() == std::vector<std::string>{"stop"});
  for (const auto& pieces : all_splits(bytes)) {
    const auto seen = decode(provider_kind::anthropic, pieces);
    REQUIRE(seen.chunks == whole.chunks);
    REQUIRE_FALSE(seen.failure);
  }
}

TEST_CASE("all chunks carry the same id, time and model", "[anthropic][stream]") {
  const auto seen =
      decode_anthropic(start() + open(0, text_block) + text_delta(0, "x") + end("max_tokens"));
  REQUIRE(seen.chunks.size() == 4);
  for (const auto& chunk : seen.chunks) {
    CHECK(chunk["id"] == "msg_1");
    CHECK(chunk["created"] == 77);
    CHECK(chunk["model"] == "claude");
    CHECK(chunk["object"] == "chat.completion.chunk");
  }
  CHECK(seen.chunks[0]["choices"][0]["delta"] == json{{"role", "assistant"}, {"content", ""}});
  CHECK(seen.finish_reasons() == std::vector<std::string>{"length"});
}

TEST_CASE("what comes before the first delta is no content", "[anthropic][stream]") {
  const auto decoder = adapter_for(provider_kind::anthropic)
                           .decode_stream({operation::chat, json::object(), true}, 1);
  CHECK_FALSE(decoder->feed(start() + ping + open(0, text_block)).content);
  CHECK(decoder->feed(text_delta(0, "x")).content);
}

TEST_CASE("ANTHROPIC.5 usage is not added twice", "[anthropic][stream]") {
  const auto seen = decode_anthropic(start() + end("end_turn"));
  const auto& usage = seen.chunks.back()["usage"];
  CHECK(seen.chunks.back()["choices"].empty());
  CHECK(usage["prompt_tokens"] == 25);
  CHECK(usage["completion_tokens"] == 33);
  CHECK(usage["total_tokens"] == 58);
  CHECK(usage["prompt_tokens_details"]["cached_tokens"] == 4);
  REQUIRE(seen.usage);
  CHECK(seen.usage->prompt_tokens == 25);
}

TEST_CASE("SHAPE.3 parallel tool calls keep their own index", "[anthropic][stream]") {
  const auto seen = decode_anthropic(
      start() + open(0, text_block) + text_delta(0, "Let me see") + close(0)
      + open(1, tool_block("tu_a", "f")) + json_delta(1, "{\"x\"") + json_delta(1, ":1}") + close(1)
      + open(2, tool_block("tu_b", "g")) + json_delta(2, "{\"y\":2}") + close(2) + end("tool_use"));
  CHECK(seen.text() == "Let me see");
  CHECK(seen.arguments(0) == "{\"x\":1}");
  CHECK(seen.arguments(1) == "{\"y\":2}");
  const auto calls = seen.calls();
  REQUIRE(calls.size() == 5);
  CHECK(calls[0]
        == json{{"index", 0},
                {"id", "tu_a"},
                {"type", "function"},
                {"function", {{"name", "f"}, {"arguments", ""}}}});
  CHECK(calls[1] == json{{"index", 0}, {"function", {{"arguments", "{\"x\""}}}});
  CHECK(calls[3]["id"] == "tu_b");
  CHECK(calls[3]["index"] == 1);
  CHECK(seen.finish_reasons() == std::vector<std::string>{"tool_calls"});
}

TEST_CASE("SHAPE.4 a call without arguments has {}", "[anthropic][stream]") {
  for (const std::string& between : {json_delta(0, ""), std::string{}}) {
    const auto seen = decode_anthropic(start() + open(0, tool_block("a", "f")) + between + close(0)
                                       + end("tool_use"));
    CHECK(seen.arguments(0) == "{}");
  }
  const auto whole = decode_anthropic(start() + open(0, tool_block("a", "f", {{"x", 1}})) + close(0)
                                      + end("tool_use"));
  CHECK(whole.arguments(0) == "{\"x\":1}");
}

TEST_CASE("thoughts are passed on, their signature after them", "[anthropic][stream]") {
  const auto seen = decode_anthropic(
      start() + open(0, {{"type", "thinking"}, {"thinking", ""}, {"signature", ""}})
      + delta(0, {{"type", "thinking_delta"}, {"thinking", "hm"}})
      + delta(0, {{"type", "signature_delta"}, {"signature", "sig"}}) + close(0)
      + open(1, {{"type", "redacted_thinking"}, {"data", "zz"}}) + close(1) + end("end_turn"));
  CHECK(seen.text("reasoning_content") == "hm");
  CHECK(seen.content);
  REQUIRE(seen.chunks.size() == 6);
  CHECK(seen.chunks[2]["choices"][0]["delta"]["thinking_blocks"]
        == json::array({{{"type", "thinking"}, {"thinking", ""}, {"signature", "sig"}}}));
  CHECK(seen.chunks[3]["choices"][0]["delta"]["thinking_blocks"]
        == json::array({{{"type", "redacted_thinking"}, {"data", "zz"}}}));
}

TEST_CASE("TRIGGER.2 an overload told inside a 200 is a failure", "[anthropic][stream]") {
  const auto seen = decode_anthropic(event(
      {{"type", "error"}, {"error", {{"type", "overloaded_error"}, {"message", "Overloaded"}}}}));
  CHECK(seen.chunks.empty());
  REQUIRE(seen.failure);
  CHECK(seen.failure->kind == failure_class::server_error);
  CHECK(seen.failure->status == 529);
  CHECK(seen.failure->message == "Overloaded");
}

TEST_CASE("ENDING.1 without message_stop a stream was cut", "[anthropic][stream]") {
  const auto seen = decode_anthropic(start() + open(0, text_block) + text_delta(0, "x"));
  CHECK(seen.text() == "x");
  CHECK(seen.finish_reasons().empty());
  REQUIRE(seen.failure);
  CHECK(seen.failure->code == "stream_interrupted");
}

TEST_CASE("events that are not known are read over", "[anthropic][stream]") {
  const auto seen = decode_anthropic(start() + event({{"type", "brand_new"}, {"delta", 3}})
                                     + open(0, {{"type", "server_tool_use"}, {"input", {}}})
                                     + json_delta(0, "{}") + close(0) + end("end_turn"));
  CHECK(seen.finished);
  CHECK_FALSE(seen.content);
}

TEST_CASE("a plain message to a stream's request becomes chunks", "[anthropic][stream]") {
  const auto seen = decode_anthropic(
      json{{"id", "msg_1"},
           {"type", "message"},
           {"model", "claude"},
           {"content", {{{"type", "text"}, {"text", "hi"}}, tool_block("a", "f", {{"x", 1}})}},
           {"stop_reason", "tool_use"},
           {"usage", {{"input_tokens", 1}, {"output_tokens", 2}}}}
          .dump());
  CHECK(seen.text() == "hi");
  CHECK(seen.arguments(0) == "{\"x\":1}");
  CHECK(seen.finished);
  CHECK(seen.chunks.back()["usage"]["total_tokens"] == 3);
  CHECK(seen.chunks.front()["created"] == seen.chunks.back()["created"]);
}

} // namespace
} // namespace echelon::providers::test
