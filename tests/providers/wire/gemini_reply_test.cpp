#include "tests/providers/wire/support.hpp"

#include <catch2/catch.hpp>

namespace echelon::providers::test {
namespace {

using config::provider_kind;
using policy::failure_class;

json candidate(json parts, json reason = nullptr) {
  json result{{"index", 0}, {"content", {{"role", "model"}, {"parts", std::move(parts)}}}};
  if (!reason.is_null()) result["finishReason"] = std::move(reason);
  return result;
}

json response(json one_candidate) {
  return {{"candidates", json::array({std::move(one_candidate)})},
          {"modelVersion", "gemini"},
          {"responseId", "r1"}};
}

json text_part(const char* text) {
  return {{"text", text}};
}

json call_part(const char* name, json args) {
  return {{"functionCall", {{"name", name}, {"args", std::move(args)}}}};
}

outcome decode_gemini(const std::string& bytes) {
  return decode(provider_kind::gemini, bytes);
}

plain_reply parse_gemini(const json& body) {
  return parse(provider_kind::gemini, body.dump());
}

TEST_CASE("a plain answer becomes one choice with its usage", "[gemini]") {
  auto body = response(candidate({text_part("Hel"),
                                  {{"text", "hm"}, {"thought", true}},
                                  text_part("lo"),
                                  call_part("f", {{"x", 1}})},
                                 "STOP"));
  body["usageMetadata"] = {{"promptTokenCount", 5},
                           {"toolUsePromptTokenCount", 2},
                           {"candidatesTokenCount", 3},
                           {"thoughtsTokenCount", 4},
                           {"cachedContentTokenCount", 1}};
  const auto reply = parse_gemini(body);
  REQUIRE_FALSE(reply.failure);
  CHECK(reply.body["id"] == "r1");
  CHECK(reply.body["object"] == "chat.completion");
  REQUIRE(reply.body["choices"].size() == 1);
  const auto& choice = reply.body["choices"][0];
  CHECK(choice["finish_reason"] == "tool_calls");
  CHECK(choice["message"]["content"] == "Hello");
  CHECK(choice["message"]["reasoning_content"] == "hm");
  CHECK(choice["message"]["tool_calls"][0]["function"]
        == json{{"name", "f"}, {"arguments", "{\"x\":1}"}});
  CHECK_FALSE(choice["message"]["tool_calls"][0]["id"].get<std::string>().empty());
  CHECK(reply.usage->prompt_tokens == 7);
  CHECK(reply.usage->completion_tokens == 7);
  CHECK(reply.body["usage"]["completion_tokens_details"]["reasoning_tokens"] == 4);
  CHECK(reply.body["usage"]["total_tokens"] == 14);
}

TEST_CASE("SHAPE.2 a candidate without content is one choice without text", "[gemini]") {
  const json body{{"candidates", json::array({{{"finishReason", "STOP"}, {"index", 0}}})},
                  {"usageMetadata", {{"promptTokenCount", 5}, {"totalTokenCount", 5}}}};
  const auto reply = parse_gemini(body);
  REQUIRE(reply.body["choices"].size() == 1);
  CHECK(reply.body["choices"][0]["message"]["role"] == "assistant");
  CHECK(reply.body["choices"][0]["message"]["content"] == "");
  CHECK(reply.body["choices"][0]["finish_reason"] == "stop");
  const auto seen = decode_gemini(data(body));
  CHECK(seen.finished);
  CHECK(seen.chunks[0]["choices"][0]["delta"]["role"] == "assistant");
  CHECK(seen.finish_reasons() == std::vector<std::string>{"stop"});
}

TEST_CASE("GEMINI.1 finish reasons are OpenAI's, plain and streamed", "[gemini]") {
  const std::vector<std::pair<const char*, const char*>> table{{"STOP", "stop"},
                                                               {"MAX_TOKENS", "length"},
                                                               {"SAFETY", "content_filter"},
                                                               {"RECITATION", "content_filter"},
                                                               {"IMAGE_SAFETY", "content_filter"},
                                                               {"MALFORMED_FUNCTION_CALL", "stop"},
                                                               {"OTHER", "stop"},
                                                               {"NEVER_SEEN", "stop"}};
  for (const auto& [theirs, ours] : table) {
    const auto body = response(candidate({text_part("x")}, theirs));
    CHECK(parse_gemini(body).body["choices"][0]["finish_reason"] == ours);
    CHECK(decode_gemini(data(body)).finish_reasons() == std::vector<std::string>{ours});
  }
  const auto cut = response(candidate({call_part("f", {{"x", 1}})}, "MAX_TOKENS"));
  CHECK(parse_gemini(cut).body["choices"][0]["finish_reason"] == "length");
}

TEST_CASE("GEMINI.3 a blocked prompt is an answer stopped by a filter", "[gemini]") {
  const json body{{"promptFeedback", {{"blockReason", "SAFETY"}}},
                  {"usageMetadata", {{"promptTokenCount", 4}, {"totalTokenCount", 4}}}};
  const auto reply = parse_gemini(body);
  REQUIRE_FALSE(reply.failure);
  REQUIRE(reply.body["choices"].size() == 1);
  CHECK(reply.body["choices"][0]["finish_reason"] == "content_filter");
  CHECK(reply.body["usage"]["prompt_tokens"] == 4);
  const auto seen = decode_gemini(data(body));
  CHECK(seen.finished);
  CHECK(seen.finish_reasons() == std::vector<std::string>{"content_filter"});
}

TEST_CASE("GEMINI.4 a list of responses is read as a stream", "[gemini]") {
  const json body{response(candidate({text_part("a")})),
                  response(candidate({text_part("b")}, "STOP"))};
  CHECK(parse_gemini(body).body["choices"][0]["message"]["content"] == "ab");
  const auto seen = decode_gemini(body.dump());
  CHECK(seen.text() == "ab");
  CHECK(seen.finished);
}

TEST_CASE("SSE.1 a Gemini stream is the same wherever it is cut", "[gemini][stream]") {
  auto last = response(candidate({text_part("é")}, "STOP"));
  last["usageMetadata"] = {{"promptTokenCount", 1}, {"candidatesTokenCount", 2}};
  const auto bytes = data(response(candidate({text_part("北京😀")}))) + data(last);
  const auto whole = decode_gemini(bytes);
  CHECK(whole.text() == "北京😀é");
  CHECK(whole.finished);
  CHECK(whole.chunks.back()["usage"]["total_tokens"] == 3);
  for (const auto& pieces : all_splits(bytes)) {
    const auto seen = decode(provider_kind::gemini, pieces);
    REQUIRE(seen.chunks == whole.chunks);
    REQUIRE(seen.finished);
  }
}

TEST_CASE("a finish reason told twice is passed on once, at the end", "[gemini][stream]") {
  const auto seen = decode_gemini(data(response(candidate({text_part("a")}, "STOP")))
                                  + data(response(candidate({text_part("b")}, "STOP"))));
  CHECK(seen.text() == "ab");
  CHECK(seen.finish_reasons() == std::vector<std::string>{"stop"});
  CHECK(seen.chunks.back()["choices"][0]["finish_reason"] == "stop");
}

TEST_CASE("SHAPE.3 calls in one chunk or two have indexes and ids of their own",
          "[gemini][stream]") {
  const auto one =
      data(response(candidate({call_part("f", {{"x", 1}}), call_part("f", {{"y", 2}})}, "STOP")));
  const auto two = data(response(candidate({call_part("f", {{"x", 1}})})))
                   + data(response(candidate({call_part("f", {{"y", 2}})}, "STOP")));
  for (const auto& bytes : {one, two}) {
    const auto seen = decode_gemini(bytes);
    const auto calls = seen.calls();
    REQUIRE(calls.size() == 2);
    CHECK(seen.arguments(0) == "{\"x\":1}");
    CHECK(seen.arguments(1) == "{\"y\":2}");
    CHECK(calls[0]["id"] != calls[1]["id"]);
    CHECK(seen.finish_reasons() == std::vector<std::string>{"tool_calls"});
    CHECK(seen.content);
  }
}

TEST_CASE("a call's id and signature are kept", "[gemini]") {
  json part = call_part("f", json::object());
  part["functionCall"]["id"] = "g1";
  part["thoughtSignature"] = "c2ln";
  const auto reply = parse_gemini(response(candidate({part, part}, "STOP")));
  const auto& calls = reply.body["choices"][0]["message"]["tool_calls"];
  CHECK(calls[0]["id"] == "g1");
  CHECK(calls[1]["id"] != "g1");
  CHECK(calls[0]["extra_content"]["google"]["thought_signature"] == "c2ln");
  CHECK(calls[0]["function"]["arguments"] == "{}");
}

TEST_CASE("ENDING.1 without a finish reason a stream was cut", "[gemini][stream]") {
  const auto seen = decode_gemini(data(response(candidate({text_part("a")}))));
  CHECK(seen.text() == "a");
  REQUIRE(seen.failure);
  CHECK(seen.failure->code == "stream_interrupted");
}

TEST_CASE("errors in a stream are failures, as an event or as bare lines", "[gemini][stream]") {
  const json error{{"error", {{"code", 503}, {"status", "UNAVAILABLE"}, {"message", "busy"}}}};
  for (const auto& bytes : {data(error), error.dump(2), json::array({error}).dump(),
                            data(response(candidate({text_part("a")}))) + error.dump(2)}) {
    const auto seen = decode_gemini(bytes);
    REQUIRE(seen.failure);
    CHECK(seen.failure->kind == failure_class::server_error);
    CHECK(seen.failure->status == 503);
    CHECK(seen.failure->message == "busy");
  }
}

TEST_CASE("embeddings come back in OpenAI's form", "[gemini]") {
  const canonical_request request{operation::embeddings, {{"model", "m"}}, false};
  const auto reply = adapter_for(provider_kind::gemini)
                         .parse(request, R"({"embeddings":[{"values":[1,2]},{"values":[3]}]})");
  REQUIRE_FALSE(reply.failure);
  CHECK(reply.body["data"]
        == json{{{"object", "embedding"}, {"index", 0}, {"embedding", {1, 2}}},
                {{"object", "embedding"}, {"index", 1}, {"embedding", json::array({3})}}});
  CHECK_FALSE(reply.usage);
}

TEST_CASE("embeddings are encoded as OpenAI's SDK for Python asks", "[gemini]") {
  const canonical_request request{
      operation::embeddings, {{"model", "m"}, {"encoding_format", "base64"}}, false};
  const auto reply =
      adapter_for(provider_kind::gemini)
          .parse(request,
                 R"({"embeddings":[{"values":[1,-2.5]}],"usageMetadata":{"promptTokenCount":3}})");
  // 1.0f is 00 00 80 3f, -2.5f is 00 00 20 c0.
  CHECK(reply.body["data"][0]["embedding"] == "AACAPwAAIMA=");
  CHECK(reply.usage->prompt_tokens == 3);
}

} // namespace
} // namespace echelon::providers::test
