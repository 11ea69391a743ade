#include "tests/gateway/front/front_samples.hpp"

using namespace echelon::gateway;
using namespace echelon::test;

namespace {

const front& uut = openai_responses_front();

front_request sample_request() {
  return accepted(uut, {{"model", "t"},
                        {"input", "hi"},
                        {"instructions", "S"},
                        {"temperature", 0.5},
                        {"metadata", {{"k", "v"}}}});
}

json answered(json message, const char* finish_reason) {
  return json::parse(uut.answer(sample_request(), answer_of(std::move(message), finish_reason)));
}

const json tool_message = {
    {"content", "Hello"},
    {"reasoning_content", "hm"},
    {"tool_calls", {{{"id", "a"}, {"function", {{"name", "f"}, {"arguments", ""}}}}}}};

const json text_part = {{"type", "output_text"},
                        {"text", "Hello"},
                        {"annotations", json::array()},
                        {"logprobs", json::array()}};

/// A copy without its random id.
json without_id(json item) {
  CHECK(item["id"].get<std::string>().size() > 20);
  item.erase("id");
  return item;
}

} // namespace

TEST_CASE("a chat answer becomes a Response that repeats its request", "[front][responses]") {
  const auto response = answered(tool_message, "tool_calls");
  CHECK(response["id"] == "resp_1");
  CHECK(response["object"] == "response");
  CHECK(response["created_at"] == 7);
  CHECK(response["status"] == "completed");
  CHECK(response["error"].is_null());
  CHECK(response["incomplete_details"].is_null());
  CHECK(response["model"] == "m");
  CHECK(response["instructions"] == "S");
  CHECK(response["temperature"] == 0.5);
  CHECK(response["metadata"] == json{{"k", "v"}});
  CHECK(response["tools"] == json::array());
  CHECK(response["tool_choice"] == "auto");
  CHECK(response["parallel_tool_calls"] == true);
  CHECK(response["usage"]
        == json{{"input_tokens", 25},
                {"input_tokens_details", {{"cached_tokens", 4}, {"cache_write_tokens", 0}}},
                {"output_tokens", 33},
                {"output_tokens_details", {{"reasoning_tokens", 5}}},
                {"total_tokens", 58}});
  const auto& output = response["output"];
  REQUIRE(output.size() == 3);
  CHECK(without_id(output[0])
        == json{{"type", "reasoning"},
                {"status", "completed"},
                {"summary", json::array()},
                {"content", {{{"type", "reasoning_text"}, {"text", "hm"}}}}});
  CHECK(without_id(output[1])
        == json{{"type", "message"},
                {"status", "completed"},
                {"role", "assistant"},
                {"content", json::array({text_part})}});
  CHECK(without_id(output[2])
        == json{{"type", "function_call"},
                {"status", "completed"},
                {"call_id", "a"},
                {"name", "f"},
                {"arguments", "{}"}});
}

TEST_CASE("an answer cut by a limit or a filter is incomplete", "[front][responses]") {
  const auto cut = answered({{"content", "x"}}, "length");
  CHECK(cut["status"] == "incomplete");
  CHECK(cut["incomplete_details"] == json{{"reason", "max_output_tokens"}});
  CHECK(cut["output"][0]["status"] == "incomplete");
  const auto filtered = answered({{"content", nullptr}, {"refusal", "no"}}, "content_filter");
  CHECK(filtered["incomplete_details"] == json{{"reason", "content_filter"}});
  CHECK(filtered["output"][0]["content"] == json{{{"type", "refusal"}, {"refusal", "no"}}});
}

TEST_CASE("SHAPE.2 an empty answer has one message", "[front][responses]") {
  for (const json& canonical : {json(), json{{"choices", json::array()}}, json{{"choices", {1}}}}) {
    const auto output = json::parse(uut.answer(sample_request(), canonical))["output"];
    REQUIRE(output.size() == 1);
    CHECK(output[0]["content"][0]["text"] == "");
  }
}

TEST_CASE("a chat stream becomes numbered Responses events", "[front][responses]") {
  const auto events =
      streamed(uut, sample_request(),
               {chunk_of({{"role", "assistant"}, {"content", ""}}),
                chunk_of({{"reasoning_content", "hm"}}), text_chunk("Hel"), text_chunk("lo"),
                tool_chunk(0, "a", "f", ""), chunk_of({}, "tool_calls"), usage_chunk()});
  const std::vector<std::string> expected = {"response.created",
                                             "response.in_progress",
                                             "response.output_item.added",
                                             "response.content_part.added",
                                             "response.reasoning_text.delta",
                                             "response.reasoning_text.done",
                                             "response.content_part.done",
                                             "response.output_item.done",
                                             "response.output_item.added",
                                             "response.content_part.added",
                                             "response.output_text.delta",
                                             "response.output_text.delta",
                                             "response.output_text.done",
                                             "response.content_part.done",
                                             "response.output_item.done",
                                             "response.output_item.added",
                                             "response.function_call_arguments.delta",
                                             "response.function_call_arguments.done",
                                             "response.output_item.done",
                                             "response.completed"};
  REQUIRE(events.size() == expected.size());
  for (std::size_t i = 0; i < events.size(); ++i) {
    CHECK(events[i].event == expected[i]);
    CHECK(events[i].value()["type"] == expected[i]);
    CHECK(events[i].value()["sequence_number"] == i);
  }
  CHECK(events[0].value()["response"]["status"] == "in_progress");
  CHECK(events[8].value()["item"]["content"] == json::array());
  const auto delta = events[11].value();
  CHECK(delta["delta"] == "lo");
  CHECK(delta["output_index"] == 1);
  CHECK(delta["content_index"] == 0);
  CHECK(delta["item_id"] == events[8].value()["item"]["id"]);
  CHECK(events[12].value()["text"] == "Hello");
  CHECK(events[13].value()["part"] == text_part);
  CHECK(events[17].value()["arguments"] == "{}");
  CHECK(events[17].value()["item_id"] == events[15].value()["item"]["id"]);

  const auto response = events.back().value()["response"];
  auto plain = answered(tool_message, "tool_calls");
  for (std::size_t i : {0U, 1U, 2U}) {
    CHECK(without_id(response["output"][i]) == without_id(plain["output"][i]));
    CHECK(response["output"][i] == events[i == 0 ? 7 : i == 1 ? 14 : 18].value()["item"]);
  }
  plain["output"] = response["output"];
  CHECK(response == plain);
}

TEST_CASE("a stream cut by a limit ends as incomplete", "[front][responses]") {
  const auto events =
      streamed(uut, sample_request(), {text_chunk("x"), chunk_of(json::object(), "length")});
  CHECK(events.back().event == "response.incomplete");
  CHECK(events.back().value()["response"]["incomplete_details"]["reason"] == "max_output_tokens");
}

TEST_CASE("ENDING.1 an error ends a Responses stream as failed", "[front][responses]") {
  const auto encoder = uut.encode_stream(sample_request());
  CHECK(events_of(encoder->chunk(text_chunk("x"))).size() == 5);
  const auto events = events_of(encoder->error({.status = 502, .message = "boom"}));
  REQUIRE(events.size() == 1);
  CHECK(events[0].event == "response.failed");
  CHECK(events[0].value()["sequence_number"] == 5);
  CHECK(events[0].value()["response"]["status"] == "failed");
  CHECK(events[0].value()["response"]["error"]
        == json{{"code", "server_error"}, {"message", "boom"}});
  CHECK(encoder->finish().empty());
}

TEST_CASE("an error before the first chunk is an error event", "[front][responses]") {
  const auto encoder = uut.encode_stream(sample_request());
  const auto events =
      events_of(encoder->error({.status = 503, .message = "boom", .code = "draining"}));
  REQUIRE(events.size() == 1);
  CHECK(events[0].event == "error");
  CHECK(events[0].value()
        == json{{"type", "error"},
                {"sequence_number", 0},
                {"message", "boom"},
                {"code", "draining"},
                {"param", nullptr}});
}
