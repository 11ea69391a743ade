#include "tests/providers/wire/support.hpp"

#include <catch2/catch.hpp>

namespace echelon::providers::test {
namespace {

using config::provider_kind;
using policy::failure_class;

const json completion{
    {"id", "c1"},
    {"object", "chat.completion"},
    {"created", 1},
    {"model", "gpt"},
    {"choices", json::array({{{"index", 0},
                              {"message", {{"role", "assistant"}, {"content", "hi"}}},
                              {"finish_reason", "stop"},
                              {"logprobs", nullptr}}})},
    {"usage",
     {{"prompt_tokens", 5},
      {"completion_tokens", 7},
      {"total_tokens", 12},
      {"prompt_tokens_details", {{"cached_tokens", 2}}},
      {"completion_tokens_details", {{"reasoning_tokens", 3}}}}},
    {"some_unknown_field", true}};

TEST_CASE("a plain answer passes as it is, its usage is read", "[openai]") {
  const auto reply = parse(provider_kind::openai, completion.dump());
  REQUIRE_FALSE(reply.failure);
  CHECK(reply.body == completion);
  REQUIRE(reply.usage);
  CHECK(reply.usage->prompt_tokens == 5);
  CHECK(reply.usage->completion_tokens == 7);
  CHECK(reply.usage->cached_tokens == 2);
  CHECK(reply.usage->reasoning_tokens == 3);
}

TEST_CASE("a 200 that is no answer is an invalid reply", "[openai]") {
  for (const auto* body :
       {"", " ", "<html>hi</html>", "hello", "{", "[]", "{}", "null", "42", R"({"choices":[]})",
        R"({"choices":[{"index":0}]})", R"({"choices":{"a":1}})"}) {
    INFO(body);
    for (const auto kind :
         {provider_kind::openai, provider_kind::anthropic, provider_kind::gemini}) {
      const auto reply = parse(kind, body);
      REQUIRE(reply.failure);
      CHECK(reply.failure->kind == failure_class::invalid_reply);
      CHECK(reply.failure->message.find('<') == std::string::npos);
    }
  }
}

TEST_CASE("an error object inside a 200 is a failure of its own class", "[openai]") {
  const auto kind_of = [](const char* body) {
    const auto reply = parse(provider_kind::openai, body);
    return reply.failure ? reply.failure->kind : failure_class::none;
  };
  CHECK(kind_of(R"({"error":{"message":"boom"}})") == failure_class::server_error);
  CHECK(kind_of(R"({"error":"boom"})") == failure_class::server_error);
  CHECK(kind_of(R"({"error":{"message":"x","code":"rate_limit_exceeded"}})")
        == failure_class::rate_limited);
  CHECK(kind_of(R"({"error":{"message":"x","code":"insufficient_quota"}})")
        == failure_class::quota_exhausted);
  CHECK(kind_of(R"({"error":{"message":"x","code":400}})") == failure_class::client_fault);
  CHECK(kind_of(R"({"error":{"message":"x","type":"overloaded_error"}})")
        == failure_class::server_error);
}

TEST_CASE("an empty error member is no error", "[openai]") {
  auto body = completion;
  for (const json& nothing : {json(nullptr), json(""), json(false), json::object()}) {
    body["error"] = nothing;
    CHECK_FALSE(parse(provider_kind::openai, body.dump()).failure);
  }
}

TEST_CASE("SHAPE.5 bad bytes in an answer become U+FFFD", "[openai]") {
  for (const auto* content : {"C\xC3\x28", "C\\ud83d("}) {
    const auto reply =
        parse(provider_kind::openai,
              std::string{R"({"choices":[{"message":{"content":")"} + content + R"("}}]})");
    REQUIRE_FALSE(reply.failure);
    const auto text = reply.body["choices"][0]["message"]["content"].get<std::string>();
    CHECK(text == "C\xEF\xBF\xBD(");
    CHECK(reply.body["choices"][0]["message"]["role"] == "assistant");
    CHECK_NOTHROW(reply.body.dump());
  }
}

TEST_CASE("embeddings pass through", "[openai]") {
  const json list{{"object", "list"},
                  {"data", json::array({{{"index", 0}, {"embedding", "AAAA"}}})},
                  {"usage", {{"prompt_tokens", 4}, {"total_tokens", 4}}}};
  const canonical_request request{operation::embeddings, json::object(), false};
  const auto& openai = adapter_for(provider_kind::openai);
  const auto reply = openai.parse(request, list.dump());
  CHECK(reply.body == list);
  CHECK(reply.usage->prompt_tokens == 4);
  CHECK(openai.parse(request, R"({"data":[]})").failure);
}

} // namespace
} // namespace echelon::providers::test
