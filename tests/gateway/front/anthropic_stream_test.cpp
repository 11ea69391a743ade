#include "tests/gateway/front/front_samples.hpp"

using namespace echelon::gateway;
using namespace echelon::test;

namespace {

const front& uut = anthropic_messages_front();

const front_request request{.target = "t"};

json start_of(int index, json block) {
  return {{"type", "content_block_start"}, {"index", index}, {"content_block", std::move(block)}};
}
json delta_of(int index, json delta) {
  return {{"type", "content_block_delta"}, {"index", index}, {"delta", std::move(delta)}};
}
json stop_of(int index) {
  return {{"type", "content_block_stop"}, {"index", index}};
}

json tool_start(int index, const char* id, const char* name) {
  return start_of(index,
                  {{"type", "tool_use"}, {"id", id}, {"name", name}, {"input", json::object()}});
}

} // namespace

TEST_CASE("a chat stream becomes Anthropic's events in their order", "[front][anthropic]") {
  const auto events = streamed(
      uut, request,
      {chunk_of({{"role", "assistant"}, {"content", ""}}), chunk_of({{"reasoning_content", "hm"}}),
       chunk_of({{"thinking_blocks", {{{"type", "thinking"}, {"signature", "S"}}}}}),
       text_chunk("Hel"), text_chunk("lo"), tool_chunk(0, "a", "f", ""),
       tool_chunk(0, nullptr, nullptr, R"({"x":)"), tool_chunk(0, nullptr, nullptr, "1}"),
       tool_chunk(1, "b", "g", "{}"), chunk_of({}, "tool_calls"), usage_chunk()});
  const std::vector<json> expected = {
      {{"type", "message_start"},
       {"message",
        {{"id", "msg_1"},
         {"type", "message"},
         {"role", "assistant"},
         {"model", "m"},
         {"content", json::array()},
         {"stop_reason", nullptr},
         {"stop_sequence", nullptr},
         {"usage",
          {{"input_tokens", 0},
           {"cache_creation_input_tokens", 0},
           {"cache_read_input_tokens", 0},
           {"output_tokens", 0}}}}}},
      start_of(0, {{"type", "thinking"}, {"thinking", ""}, {"signature", ""}}),
      delta_of(0, {{"type", "thinking_delta"}, {"thinking", "hm"}}),
      delta_of(0, {{"type", "signature_delta"}, {"signature", "S"}}),
      stop_of(0),
      start_of(1, {{"type", "text"}, {"text", ""}}),
      delta_of(1, {{"type", "text_delta"}, {"text", "Hel"}}),
      delta_of(1, {{"type", "text_delta"}, {"text", "lo"}}),
      stop_of(1),
      tool_start(2, "a", "f"),
      delta_of(2, {{"type", "input_json_delta"}, {"partial_json", R"({"x":)"}}),
      delta_of(2, {{"type", "input_json_delta"}, {"partial_json", "1}"}}),
      stop_of(2),
      tool_start(3, "b", "g"),
      delta_of(3, {{"type", "input_json_delta"}, {"partial_json", "{}"}}),
      stop_of(3),
      {{"type", "message_delta"},
       {"delta", {{"stop_reason", "tool_use"}, {"stop_sequence", nullptr}}},
       {"usage",
        {{"input_tokens", 21},
         {"cache_creation_input_tokens", 0},
         {"cache_read_input_tokens", 4},
         {"output_tokens", 33}}}},
      {{"type", "message_stop"}}};
  REQUIRE(events.size() == expected.size());
  for (std::size_t i = 0; i < events.size(); ++i) {
    CHECK(events[i].value() == expected[i]);
    CHECK(events[i].event == expected[i]["type"]);
  }
}

TEST_CASE("a redacted thought is a block without deltas", "[front][anthropic]") {
  const json redacted = {{"type", "redacted_thinking"}, {"data", "D"}};
  const auto events =
      streamed(uut, request, {chunk_of({{"thinking_blocks", {redacted}}}), text_chunk("x")});
  REQUIRE(events.size() == 8);
  CHECK(events[1].value() == start_of(0, redacted));
  CHECK(events[2].value() == stop_of(0));
  CHECK(events[3].value()["index"] == 1);
}

TEST_CASE("an empty stream is a whole Message", "[front][anthropic]") {
  const auto events = streamed(uut, request, {});
  REQUIRE(events.size() == 3);
  CHECK(events[0].event == "message_start");
  CHECK(events[0].value()["message"]["model"] == "t");
  CHECK(events[1].value()["delta"]["stop_reason"] == "end_turn");
  CHECK(events[2].event == "message_stop");
}

TEST_CASE("ENDING.1 an error ends an Anthropic stream without message_stop", "[front][anthropic]") {
  const auto encoder = uut.encode_stream(request);
  CHECK(events_of(encoder->chunk(text_chunk("x"))).size() == 3);
  const auto events = events_of(encoder->error({.status = 529, .message = "Overloaded"}));
  REQUIRE(events.size() == 1);
  CHECK(events[0].event == "error");
  CHECK(events[0].value()
        == json{{"type", "error"},
                {"error", {{"type", "overloaded_error"}, {"message", "Overloaded"}}}});
  CHECK(encoder->finish().empty());
  CHECK(encoder->chunk(text_chunk("y")).empty());
}

TEST_CASE("events of an Anthropic upstream pass as they came", "[front][anthropic]") {
  const std::vector<json> sent{
      {{"type", "message_start"}, {"message", {{"id", "msg_1"}, {"new_field", 1}}}},
      {{"type", "content_block_start"},
       {"index", 0},
       {"content_block", {{"type", "server_tool_use"}, {"id", "s"}}}},
      {{"type", "content_block_stop"}, {"index", 0}},
      {{"type", "message_delta"}, {"delta", {{"stop_reason", "stop_sequence"}}}},
      {{"type", "message_stop"}}};
  std::vector<json> chunks;
  for (const auto& event : sent)
    chunks.push_back({{"native", event}});
  const auto events = streamed(uut, request, chunks);
  REQUIRE(events.size() == sent.size());
  for (std::size_t i = 0; i < sent.size(); ++i) {
    CHECK(events[i].event == sent[i]["type"]);
    CHECK(events[i].value() == sent[i]);
  }
}

TEST_CASE("ENDING.1 a cut between Anthropic's own events is an error", "[front][anthropic]") {
  const auto encoder = uut.encode_stream(request);
  static_cast<void>(encoder->chunk({{"native", {{"type", "message_start"}}}}));
  const auto events = events_of(encoder->error({.status = 502, .message = "cut"}));
  REQUIRE(events.size() == 1);
  CHECK(events[0].event == "error");
  CHECK(encoder->finish().empty());
}
