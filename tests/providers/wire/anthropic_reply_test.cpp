#include "tests/providers/wire/support.hpp"

#include <catch2/catch.hpp>

namespace echelon::providers::test {
namespace {

using config::provider_kind;

json message(json content, const char* stop_reason) {
  return {{"id", "msg_1"},
          {"type", "message"},
          {"role", "assistant"},
          {"model", "claude"},
          {"content", std::move(content)},
          {"stop_reason", stop_reason},
          {"usage", {{"input_tokens", 21}, {"cache_read_input_tokens", 4}, {"output_tokens", 33}}}};
}

TEST_CASE("ANTHROPIC.6 text, thoughts and calls become one choice", "[anthropic]") {
  const json thought{{"type", "thinking"}, {"thinking", "hm"}, {"signature", "s"}};
  const auto reply =
      parse(provider_kind::anthropic,
            message({thought,
                     {{"type", "text"}, {"text", "Let "}},
                     {{"type", "text"}, {"text", "me see"}},
                     {{"type", "tool_use"}, {"id", "a"}, {"name", "f"}, {"input", {{"x", 1}}}}},
                    "tool_use")
                .dump());
  REQUIRE_FALSE(reply.failure);
  CHECK(reply.body["id"] == "msg_1");
  CHECK(reply.body["object"] == "chat.completion");
  REQUIRE(reply.body["choices"].size() == 1);
  const auto& choice = reply.body["choices"][0];
  CHECK(choice["finish_reason"] == "tool_calls");
  CHECK(choice["message"]
        == json{{"role", "assistant"},
                {"content", "Let me see"},
                {"refusal", nullptr},
                {"reasoning_content", "hm"},
                {"thinking_blocks", json::array({thought})},
                {"tool_calls", json::array({call("a", "f", "{\"x\":1}")})}});
}

TEST_CASE("ANTHROPIC.5 the prompt includes what was cached", "[anthropic]") {
  const auto reply = parse(provider_kind::anthropic, message(json::array(), "end_turn").dump());
  REQUIRE(reply.usage);
  CHECK(reply.usage->prompt_tokens == 25);
  CHECK(reply.body["usage"]["prompt_tokens"] == 25);
  CHECK(reply.body["usage"]["completion_tokens"] == 33);
  CHECK(reply.body["usage"]["total_tokens"] == 58);
  CHECK(reply.body["usage"]["prompt_tokens_details"]["cached_tokens"] == 4);
  CHECK(reply.body["choices"][0]["message"]["content"] == "");
}

TEST_CASE("stop reasons become OpenAI's", "[anthropic]") {
  const std::vector<std::pair<const char*, const char*>> table{
      {"end_turn", "stop"},       {"stop_sequence", "stop"},
      {"max_tokens", "length"},   {"model_context_window_exceeded", "length"},
      {"tool_use", "tool_calls"}, {"refusal", "content_filter"},
      {"pause_turn", "stop"},     {"some_new_reason", "stop"}};
  for (const auto& [theirs, ours] : table) {
    const auto reply = parse(provider_kind::anthropic, message(json::array(), theirs).dump());
    CHECK(reply.body["choices"][0]["finish_reason"] == ours);
  }
}

TEST_CASE("an error object with status 200 is a failure", "[anthropic]") {
  const auto reply =
      parse(provider_kind::anthropic,
            R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})");
  REQUIRE(reply.failure);
  CHECK(reply.failure->kind == policy::failure_class::server_error);
}

} // namespace
} // namespace echelon::providers::test
