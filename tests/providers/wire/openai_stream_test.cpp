#include "tests/providers/wire/support.hpp"

#include <catch2/catch.hpp>

namespace echelon::providers::test {
namespace {

using config::provider_kind;
using policy::failure_class;

json chunk(json delta, json reason = nullptr) {
  return {{"id", "c1"},
          {"object", "chat.completion.chunk"},
          {"created", 1},
          {"model", "gpt"},
          {"choices", json::array({{{"index", 0},
                                    {"delta", std::move(delta)},
                                    {"finish_reason", std::move(reason)}}})}};
}

outcome decode_openai(const std::string& bytes) {
  return decode(provider_kind::openai, bytes);
}

TEST_CASE("SSE.1 characters stay whole wherever the bytes are cut", "[openai][stream]") {
  const auto bytes =
      data({{"choices", json::array({{{"index", 0}, {"delta", {{"content", "北京😀é"}}}}})}})
      + "data: [DONE]\n\n";
  for (const auto& pieces : all_splits(bytes)) {
    const auto seen = decode(provider_kind::openai, pieces);
    REQUIRE(seen.text() == "北京😀é");
    REQUIRE(seen.finished);
    REQUIRE_FALSE(seen.failure);
  }
}

TEST_CASE("chunks pass with their id, model and time, the usage too", "[openai][stream]") {
  const auto role = chunk({{"role", "assistant"}, {"content", ""}});
  const auto text = chunk({{"content", "hi"}});
  const auto end = chunk(json::object(), "stop");
  auto usage = chunk({});
  usage["choices"] = json::array();
  usage["usage"] = {{"prompt_tokens", 1}, {"completion_tokens", 2}, {"total_tokens", 3}};
  const auto seen =
      decode_openai(data(role) + data(text) + data(end) + data(usage) + "data: [DONE]\n\n");
  CHECK(seen.chunks == std::vector<json>{role, text, end, usage});
  CHECK(seen.finished);
  REQUIRE(seen.usage);
  CHECK(seen.usage->completion_tokens == 2);
}

TEST_CASE("only what a client shows counts as content", "[openai][stream]") {
  const auto content = [](json delta) {
    const auto decoder = adapter_for(provider_kind::openai)
                             .decode_stream({operation::chat, json::object(), true}, 1);
    return decoder->feed(data(chunk(std::move(delta)))).content;
  };
  CHECK_FALSE(content({{"role", "assistant"}, {"content", ""}}));
  CHECK_FALSE(
      content({{"role", "assistant"}, {"content", nullptr}, {"tool_calls", json::array()}}));
  CHECK(content({{"content", "x"}}));
  CHECK(content({{"refusal", "x"}}));
  CHECK(content({{"reasoning_content", "x"}}));
  CHECK(content({{"tool_calls", json::array({{{"index", 0}}})}}));
  CHECK(content({{"function_call", {{"name", "f"}}}}));
}

TEST_CASE("SSE.5 a stream that ends after its finish reason is complete", "[openai][stream]") {
  const auto seen =
      decode_openai(R"(data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})");
  CHECK(seen.finished);
  CHECK_FALSE(seen.failure);
  CHECK(seen.finish_reasons() == std::vector<std::string>{"stop"});
}

TEST_CASE("ENDING.1 a stream without its end is a failure and has no finish", "[openai][stream]") {
  const auto seen = decode_openai(data(chunk({{"content", "One, "}})));
  CHECK(seen.text() == "One, ");
  CHECK_FALSE(seen.finished);
  CHECK(seen.finish_reasons().empty());
  REQUIRE(seen.failure);
  CHECK(seen.failure->kind == failure_class::server_error);
  CHECK(seen.failure->code == "stream_interrupted");
  CHECK(decode_openai("").failure);
}

TEST_CASE("ENDING.4 an error object in a stream is a failure, nothing follows",
          "[openai][stream]") {
  const auto seen = decode_openai(
      data(chunk({{"content", "x"}}))
      + data({{"error", {{"message", "boom sk-AAAA1111SECRET"}, {"type", "server_error"}}}})
      + "data: [DONE]\n\n" + data(chunk({{"content", "y"}})));
  CHECK(seen.text() == "x");
  CHECK_FALSE(seen.finished);
  REQUIRE(seen.failure);
  CHECK(seen.failure->kind == failure_class::server_error);
  CHECK(seen.failure->message == "boom [redacted]");
}

TEST_CASE("SHAPE.1 chunks without choices do no harm", "[openai][stream]") {
  const auto seen = decode_openai(
      data({{"choices", json::array()}, {"prompt_filter_results", json::array()}})
      + data({{"id", "c1"}}) + data(chunk({{"content", "hi"}}, "stop"))
      + data({{"choices", json::array()},
              {"usage", {{"prompt_tokens", 1}, {"completion_tokens", 2}, {"total_tokens", 3}}}})
      + "data: [DONE]\n\n");
  CHECK(seen.text() == "hi");
  REQUIRE(seen.finished);
  CHECK(seen.chunks.back()["choices"] == json::array());
  CHECK(seen.chunks.back()["usage"]["total_tokens"] == 3);
  CHECK(seen.chunks.back()["id"] == "c1");
}

TEST_CASE("usage in a chunk with choices is told once, at the end", "[openai][stream]") {
  auto last = chunk({{"content", "hi"}}, "stop");
  last["usage"] = {{"prompt_tokens", 1}, {"completion_tokens", 2}, {"total_tokens", 3}};
  const auto seen = decode_openai(data(last) + data(last) + "data: [DONE]\n\n");
  REQUIRE(seen.chunks.size() == 3);
  CHECK_FALSE(seen.chunks[0].contains("usage"));
  CHECK(seen.chunks[2]["choices"].empty());
  CHECK(seen.chunks[2]["usage"] == last["usage"]);
}

TEST_CASE("tool calls get the index that the server left out", "[openai][stream]") {
  const auto part = [](json x) {
    return data(chunk({{"tool_calls", json::array({std::move(x)})}}));
  };
  auto a = call("a", "f", "");
  auto b = call("b", "g", "");
  SECTION("absent") {}
  SECTION("always 0") {
    a["index"] = 0;
    b["index"] = 0;
  }
  const json more_a{{"function", {{"arguments", "{\"x\":1}"}}}};
  const json more_b{{"function", {{"arguments", "{\"y\":2}"}}}};
  const auto seen = decode_openai(part(a) + part(more_a) + part(b) + part(more_b)
                                  + data(chunk(json::object(), "tool_calls")));
  CHECK(seen.arguments(0) == "{\"x\":1}");
  CHECK(seen.arguments(1) == "{\"y\":2}");
}

TEST_CASE("tool calls whose pieces alternate keep their index", "[openai][stream]") {
  const auto piece = [](int index, std::string id, std::string text) {
    json x{{"index", index}, {"function", {{"arguments", std::move(text)}}}};
    if (!id.empty()) x["id"] = std::move(id);
    return data(chunk({{"tool_calls", json::array({x})}}));
  };
  const auto seen = decode_openai(piece(0, "a", "1") + piece(1, "b", "2") + piece(0, "", "3")
                                  + piece(1, "", "4") + piece(0, "a", "5"));
  CHECK(seen.arguments(0) == "135");
  CHECK(seen.arguments(1) == "24");
}

TEST_CASE("padding is not passed on", "[openai][stream]") {
  auto padded = chunk({{"content", "x"}}, "stop");
  padded["obfuscation"] = "abc";
  CHECK_FALSE(decode_openai(data(padded)).chunks[0].contains("obfuscation"));
}

TEST_CASE("a plain answer to a stream's request becomes chunks", "[openai][stream]") {
  const json body{{"id", "c1"},
                  {"created", 5},
                  {"model", "gpt"},
                  {"choices", json::array({{{"index", 0},
                                            {"message",
                                             {{"role", "assistant"},
                                              {"content", "hi"},
                                              {"tool_calls", json::array({call("a", "f", "{}")})}}},
                                            {"finish_reason", "tool_calls"}}})},
                  {"usage", {{"prompt_tokens", 1}, {"completion_tokens", 2}, {"total_tokens", 3}}}};
  for (const auto& pieces : all_splits(" \n" + body.dump())) {
    const auto seen = decode(provider_kind::openai, pieces);
    REQUIRE(seen.finished);
    REQUIRE(seen.content);
    REQUIRE(seen.text() == "hi");
    REQUIRE(seen.calls().at(0)["index"] == 0);
    REQUIRE(seen.finish_reasons() == std::vector<std::string>{"tool_calls"});
    REQUIRE(seen.chunks.back()["usage"]["total_tokens"] == 3);
  }
}

TEST_CASE("bodies that are neither stream nor answer are failures", "[openai][stream]") {
  const auto kind_of = [](const std::string& body) {
    const auto seen = decode_openai(body);
    CHECK(seen.chunks.empty());
    return seen.failure ? seen.failure->kind : failure_class::none;
  };
  CHECK(kind_of("<html>sorry</html>") == failure_class::invalid_reply);
  CHECK(kind_of("{}") == failure_class::invalid_reply);
  CHECK(kind_of("{\"a\":") == failure_class::invalid_reply);
  CHECK(kind_of("data: {broken\n\n") == failure_class::invalid_reply);
  CHECK(kind_of("data: [DONE]\n\n") == failure_class::invalid_reply);
  CHECK(kind_of(R"({"error":{"message":"x","code":"rate_limit_exceeded"}})")
        == failure_class::rate_limited);
}

TEST_CASE("SHAPE.5 bad bytes in a stream become U+FFFD", "[openai][stream]") {
  const auto seen =
      decode_openai("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\xE2\x82\"},"
                    "\"finish_reason\":\"stop\"}]}\n\n");
  CHECK(seen.text() == "a\xEF\xBF\xBD");
  CHECK(seen.finished);
}

TEST_CASE("SSE.4 a chunk of 5 MB passes", "[openai][stream]") {
  const std::string text(5'000'000, 'x');
  const auto seen = decode_openai(data(chunk({{"content", text}})) + data(chunk({{"content", "y"}}))
                                  + "data: [DONE]\n\n");
  CHECK(seen.text() == text + "y");
}

TEST_CASE("events of any shape are survived", "[openai][stream]") {
  for (const auto* event :
       {"{}", "[]", "[1]", R"({"choices":1})", R"({"choices":[1]})", R"({"choices":[null]})",
        R"({"choices":[{"delta":7,"index":"x","finish_reason":3}]})", R"({"choices":{"a":[]}})",
        R"({"choices":[{"delta":{"tool_calls":[1,{"index":-4}]}}],"usage":7,"id":9})",
        R"({"type":7,"index":-1,"delta":[],"message":3})", R"({"candidates":[1,{"content":[]}]})",
        R"({"type":"content_block_delta","delta":{"type":"text_delta","text":5}})",
        R"({"candidates":[{"content":{"parts":[{"functionCall":{"args":[]}},3]}}]})"})
    for (const auto kind : {provider_kind::openai, provider_kind::anthropic, provider_kind::gemini})
      for (const auto& chunk_seen : decode(kind, std::string{"data: "} + event + "\n\n").chunks)
        REQUIRE_NOTHROW(dump(chunk_seen));
}

} // namespace
} // namespace echelon::providers::test
