// A client that speaks Anthropic's form, and a provider that does: nothing is lost between them.
#include "tests/providers/wire/support.hpp"

#include <catch2/catch.hpp>

using namespace echelon;
using namespace echelon::providers;
using namespace echelon::providers::test;

namespace {

constexpr auto kind = config::provider_kind::anthropic;

canonical_request request_of(json native, json canonical, bool stream = false) {
  canonical_request request{operation::chat, std::move(canonical), stream};
  request.native = native_request{std::move(native), {}, {}, {}};
  return request;
}

built_request build(const attempt& x, const canonical_request& request) {
  return adapter_for(kind).build(request, {x.provider, x.model, x.parameters, x.key});
}

json sent(const attempt& x, const canonical_request& request) {
  const auto built = build(x, request);
  return built.failure ? json{{"failure", built.failure->message}}
                       : json::parse(built.request.body);
}

const json marked = {{"type", "text"}, {"text", "hi"}, {"cache_control", {{"type", "ephemeral"}}}};

} // namespace

TEST_CASE("a native request goes out as it came, but for its model", "[wire][anthropic]") {
  const json search = {{"type", "web_search_20250305"}, {"name", "web_search"}};
  const json native = {{"model", "target"},
                       {"max_tokens", 100},
                       {"system", json::array({marked})},
                       {"messages", json::array({{{"role", "user"}, {"content", {marked}}}})},
                       {"tools", json::array({search})},
                       {"tool_choice", {{"type", "any"}, {"disable_parallel_tool_use", true}}},
                       {"metadata", {{"user_id", "u"}, {"trace", "t"}}},
                       {"stop_sequences", {"x"}},
                       {"temperature", 0.5},
                       {"service_tier", "auto"},
                       {"container", "c1"}};
  auto canonical = chat(json::array({user("hi")}));
  canonical.update({{"max_tokens", 100}, {"stop", {"x"}}, {"temperature", 0.5}, {"user", "u"}});
  auto expected = native;
  expected["model"] = "the-model";
  CHECK(sent(attempt{kind}, request_of(native, canonical)) == expected);
}

TEST_CASE("a tier's parameters still fill what a native request leaves open", "[wire][anthropic]") {
  attempt x{kind, "claude-sonnet-4"};
  x.parameters.temperature = 0.2;
  x.parameters.response_format = "json";
  const json native = {{"max_tokens", 100},
                       {"system", json::array({marked})},
                       {"messages", json::array({{{"role", "user"}, {"content", "hi"}}})}};
  auto canonical = chat(json::array({user("hi")}));
  canonical["max_tokens"] = 100;
  auto body = sent(x, request_of(native, canonical));
  CHECK(body["temperature"] == 0.2);
  REQUIRE(body["system"].size() == 2);
  CHECK(body["system"][0] == marked);
  x.parameters.thinking = config::thinking_config{true, 4000U};
  body = sent(x, request_of(native, canonical));
  CHECK(body["thinking"] == json{{"type", "enabled"}, {"budget_tokens", 4000}});
  CHECK(body["max_tokens"] == 4100);
  CHECK_FALSE(body.contains("temperature"));
}

TEST_CASE("the client's own way of thinking keeps its members", "[wire][anthropic]") {
  const json thinking = {{"type", "enabled"}, {"budget_tokens", 2000}, {"display", "omitted"}};
  const json native = {{"max_tokens", 5000},
                       {"temperature", 0.3},
                       {"thinking", thinking},
                       {"messages", json::array({{{"role", "user"}, {"content", "hi"}}})}};
  auto canonical = chat(json::array({user("hi")}));
  canonical.update({{"max_tokens", 5000}, {"thinking", thinking}, {"temperature", 0.3}});
  const auto built = build(attempt{kind}, request_of(native, canonical));
  const auto body = json::parse(built.request.body);
  CHECK(body["thinking"] == thinking);
  CHECK_FALSE(body.contains("temperature"));
  CHECK(built.dropped == std::vector<std::string>{"temperature"});
}

TEST_CASE("thoughts of other providers do not go to Anthropic", "[wire][anthropic]") {
  const json foreign = {{"type", "thinking"}, {"thinking", "hm"}, {"signature", ""}};
  const json own = {{"type", "thinking"}, {"thinking", "hm"}, {"signature", "sig"}};
  const json native = {
      {"max_tokens", 9},
      {"messages", json::array({{{"role", "user"}, {"content", "a"}},
                                {{"role", "assistant"}, {"content", {foreign, own, marked}}},
                                {{"role", "assistant"}, {"content", json::array({foreign})}},
                                {{"role", "user"}, {"content", "b"}}})}};
  auto canonical = chat(json::array({user("a"), user("b")}));
  canonical["max_tokens"] = 9;
  const auto body = sent(attempt{kind}, request_of(native, canonical));
  REQUIRE(body["messages"].size() == 3);
  CHECK(body["messages"][1]["content"] == json::array({own, marked}));
}

TEST_CASE("the beta header of the client goes along", "[wire][anthropic]") {
  auto request = request_of({{"max_tokens", 9}}, chat(json::array({user("a")})));
  CHECK(header(build(attempt{kind}, request).request.headers, "anthropic-beta").empty());
  request.native->beta = "files-api-2025-04-14";
  CHECK(header(build(attempt{kind}, request).request.headers, "anthropic-beta")
        == "files-api-2025-04-14");
}

TEST_CASE("a native answer comes back whole, and is counted", "[wire][anthropic]") {
  const json message = {{"type", "message"},
                        {"content", json::array({{{"type", "web_search_tool_result"}}, marked})},
                        {"stop_reason", "stop_sequence"},
                        {"stop_sequence", "x"},
                        {"usage", {{"input_tokens", 3}, {"output_tokens", 4}, {"more", 1}}}};
  const auto request = request_of(json::object(), json::object());
  const auto reply = adapter_for(kind).parse(request, dump(message));
  REQUIRE_FALSE(reply.failure);
  CHECK(reply.body == json{{"native", message}});
  CHECK(reply.usage->prompt_tokens == 3);
  CHECK(reply.usage->completion_tokens == 4);
  CHECK(adapter_for(kind).parse(request, R"({"type":"message"})").failure);
  CHECK(
      adapter_for(kind).parse(request, R"({"type":"error","error":{"type":"api_error"}})").failure);
}

TEST_CASE("native streams pass event by event, at any border", "[wire][anthropic]") {
  const std::vector<json> events{
      {{"type", "message_start"}, {"message", {{"usage", {{"input_tokens", 3}}}}}},
      {{"type", "content_block_start"}, {"index", 0}, {"content_block", {{"type", "text"}}}},
      {{"type", "ping"}},
      {{"type", "content_block_delta"},
       {"index", 0},
       {"delta", {{"type", "citations_delta"}, {"citation", {{"title", "é"}}}}}},
      {{"type", "content_block_stop"}, {"index", 0}},
      {{"type", "message_delta"},
       {"delta", {{"stop_reason", "end_turn"}}},
       {"usage", {{"output_tokens", 9}}}},
      {{"type", "message_stop"}}};
  std::string bytes;
  for (const auto& event : events)
    bytes += "event: " + event["type"].get<std::string>() + "\n" + data(event);
  const auto request = request_of(json::object(), json::object(), true);
  for (const auto& pieces : all_splits(bytes)) {
    const auto decoder = adapter_for(kind).decode_stream(request, 77);
    outcome result;
    for (const auto& piece : pieces)
      result.take(decoder->feed(piece));
    REQUIRE(result.finished);
    REQUIRE(result.content);
    REQUIRE(result.chunks.size() == events.size() - 1); // No ping.
    CHECK(result.chunks[2]["native"] == events[3]);
    CHECK(result.usage->completion_tokens == 9);
  }
}

TEST_CASE("commit and ends of native streams", "[wire][anthropic]") {
  const auto request = request_of(json::object(), json::object(), true);
  const auto run = [&](const std::vector<json>& events) {
    const auto decoder = adapter_for(kind).decode_stream(request, 77);
    outcome result;
    for (const auto& event : events)
      result.take(decoder->feed(data(event)));
    result.take(decoder->finish());
    return result;
  };
  const json start = {{"type", "message_start"}, {"message", json::object()}};
  const auto begin = [](const char* type) {
    return json{{"type", "content_block_start"}, {"index", 0}, {"content_block", {{"type", type}}}};
  };
  CHECK_FALSE(run({start, begin("text"), begin("thinking")}).content);
  CHECK(run({start, begin("tool_use")}).content);
  const auto cut = run({start, begin("tool_use")});
  REQUIRE(cut.failure);
  CHECK(cut.failure->code == "stream_interrupted");
  const auto overloaded =
      run({start, {{"type", "error"}, {"error", {{"type", "overloaded_error"}}}}});
  REQUIRE(overloaded.failure);
  CHECK(overloaded.failure->status == 529);
  // What could end the line of an event's name is not passed on.
  CHECK(run({{{"type", "x\ndata: y"}}}).chunks.empty());
  // A whole message in place of a stream becomes chunks for the front to write.
  const auto decoder = adapter_for(kind).decode_stream(request, 77);
  outcome whole;
  whole.take(decoder->feed(R"({"type":"message","content":[{"type":"text","text":"hi"}]})"));
  whole.take(decoder->finish());
  CHECK(whole.finished);
  CHECK(whole.text() == "hi");
}
