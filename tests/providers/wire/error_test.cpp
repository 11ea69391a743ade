#include "tests/providers/wire/support.hpp"

#include <catch2/catch.hpp>

namespace echelon::providers::test {
namespace {

using namespace std::chrono_literals;
using config::provider_kind;
using policy::failure_class;

std::string openai_error(const char* message, const char* type, const char* code) {
  return json{{"error", {{"message", message}, {"type", type}, {"param", nullptr}, {"code", code}}}}
      .dump();
}

std::string anthropic_error(const char* type, const char* message) {
  return json{{"type", "error"}, {"error", {{"type", type}, {"message", message}}}}.dump();
}

std::string google_error(int code, const char* status, const char* message,
                         json details = json::array()) {
  return json{
      {"error",
       {{"code", code}, {"status", status}, {"message", message}, {"details", std::move(details)}}}}
      .dump();
}

TEST_CASE("OpenAI's errors keep their words", "[error]") {
  const auto failure = fail(provider_kind::openai, 400,
                            R"({"error":{"message":"bad x","type":"invalid_request_error",)"
                            R"("param":"x","code":"invalid_value"}})");
  CHECK(failure.kind == failure_class::client_fault);
  CHECK(failure.status == 400);
  CHECK(failure.message == "bad x");
  CHECK(failure.type == "invalid_request_error");
  CHECK(failure.code == "invalid_value");
  CHECK(failure.param == "x");
}

TEST_CASE("OpenAI's errors get their class", "[error]") {
  const auto kind_of = [](int status, const char* message, const char* type, const char* code) {
    return fail(provider_kind::openai, status, openai_error(message, type, code)).kind;
  };
  CHECK(kind_of(429, "slow", "requests", "rate_limit_exceeded") == failure_class::rate_limited);
  CHECK(kind_of(429, "x", "insufficient_quota", "insufficient_quota")
        == failure_class::quota_exhausted);
  CHECK(kind_of(429, "You exceeded your current quota", "", "") == failure_class::quota_exhausted);
  CHECK(kind_of(401, "x", "invalid_request_error", "invalid_api_key") == failure_class::credential);
  CHECK(kind_of(402, "x", "", "") == failure_class::quota_exhausted);
  CHECK(kind_of(403, "x", "", "") == failure_class::credential);
  CHECK(kind_of(404, "x", "invalid_request_error", "model_not_found")
        == failure_class::model_missing);
  CHECK(kind_of(404, "x", "", "") == failure_class::model_missing);
  CHECK(kind_of(400, "x", "invalid_request_error", "model_not_found")
        == failure_class::model_missing);
  CHECK(kind_of(400, "x", "", "context_length_exceeded") == failure_class::context_overflow);
  CHECK(kind_of(400, "x", "", "content_filter") == failure_class::content_policy);
  CHECK(kind_of(408, "x", "", "") == failure_class::request_timeout);
  CHECK(kind_of(413, "x", "", "") == failure_class::client_fault);
  CHECK(kind_of(422, "x", "", "") == failure_class::client_fault);
  CHECK(kind_of(500, "x", "server_error", "") == failure_class::server_error);
  CHECK(kind_of(504, "x", "", "") == failure_class::server_error);
  CHECK(kind_of(529, "x", "", "") == failure_class::server_error);
}

TEST_CASE("Anthropic's errors take OpenAI's words", "[error]") {
  const auto of = [](int status, const char* type, const char* message) {
    return fail(provider_kind::anthropic, status, anthropic_error(type, message));
  };
  CHECK(of(401, "authentication_error", "x").code == "invalid_api_key");
  CHECK(of(401, "authentication_error", "x").type == "invalid_request_error");
  CHECK(of(404, "not_found_error", "x").code == "model_not_found");
  CHECK(of(413, "request_too_large", "x").kind == failure_class::client_fault);
  CHECK(of(429, "rate_limit_error", "x").code == "rate_limit_exceeded");
  CHECK(of(529, "overloaded_error", "Overloaded").kind == failure_class::server_error);
  CHECK(of(400, "invalid_request_error", "prompt is too long: 9 tokens").kind
        == failure_class::context_overflow);
  CHECK(of(400, "invalid_request_error", "input length and `max_tokens` exceed context limit").kind
        == failure_class::context_overflow);
  CHECK(of(400, "invalid_request_error", "Your credit balance is too low").kind
        == failure_class::quota_exhausted);
  CHECK(of(429, "rate_limit_error", "You have reached your monthly spend limit").kind
        == failure_class::quota_exhausted);
  CHECK(of(400, "invalid_request_error", "messages: bad").kind == failure_class::client_fault);
}

TEST_CASE("GEMINI.4 Google's errors get their class and OpenAI's words", "[error]") {
  const auto of = [](int code, const char* status, const char* message = "x") {
    return fail(provider_kind::gemini, code, google_error(code, status, message));
  };
  CHECK(of(400, "INVALID_ARGUMENT").kind == failure_class::client_fault);
  CHECK(of(400, "INVALID_ARGUMENT").type == "invalid_request_error");
  CHECK(of(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid one.").kind
        == failure_class::credential);
  CHECK(of(400, "FAILED_PRECONDITION").kind == failure_class::credential);
  CHECK(of(404, "NOT_FOUND").kind == failure_class::model_missing);
  CHECK(of(404, "NOT_FOUND").status == 404);
  CHECK(of(413, "X").kind == failure_class::client_fault);
  CHECK(of(429, "RESOURCE_EXHAUSTED").kind == failure_class::rate_limited);
  CHECK(of(429, "RESOURCE_EXHAUSTED").type == "rate_limit_error");
  CHECK(of(503, "UNAVAILABLE").kind == failure_class::server_error);
  CHECK(of(504, "DEADLINE_EXCEEDED").kind == failure_class::server_error);
}

TEST_CASE("Google's body tells the wait and which quota is gone", "[error]") {
  const auto of = [](const char* message, json details) {
    return fail(provider_kind::gemini, 429,
                "[" + google_error(429, "RESOURCE_EXHAUSTED", message, std::move(details)) + "]");
  };
  const auto violation = [](const char* quota) {
    return json{{"@type", "type.googleapis.com/google.rpc.QuotaFailure"},
                {"violations", json::array({{{"quotaId", quota}}})}};
  };
  const json wait{{"@type", "type.googleapis.com/google.rpc.RetryInfo"}, {"retryDelay", "52s"}};
  const auto minute = of("You exceeded your current quota",
                         {violation("GenerateRequestsPerMinutePerProject"), wait});
  CHECK(minute.kind == failure_class::rate_limited);
  CHECK(minute.retry_after == std::optional<std::chrono::nanoseconds>{52s});
  CHECK(of("x", {violation("GenerateRequestsPerDayPerProject"), wait}).kind
        == failure_class::quota_exhausted);
  CHECK(of("* Quota exceeded, limit: 0, model: x", json::array()).kind
        == failure_class::quota_exhausted);
  CHECK(of("* Quota exceeded, limit: 0.5k", json::array()).kind == failure_class::rate_limited);
}

TEST_CASE("headers tell the wait before the body does", "[error]") {
  const auto failure = fail(provider_kind::openai, 429, openai_error("x", "requests", ""),
                            {{"retry-after", "45"},
                             {"x-ratelimit-remaining-requests", "0"},
                             {"x-ratelimit-reset-requests", "1s"}});
  CHECK(failure.retry_after == std::optional<std::chrono::nanoseconds>{45s});
  const auto reset =
      fail(provider_kind::openai, 429, "",
           {{"x-ratelimit-remaining-requests", "0"}, {"x-ratelimit-reset-requests", "1s"}});
  CHECK(reset.retry_after == std::optional<std::chrono::nanoseconds>{1s});
  CHECK(fail(provider_kind::openai, 500, "", {{"retry-after", "-5"}}).retry_after == std::nullopt);
}

TEST_CASE("TRIGGER.4 bodies that are no JSON are never pasted", "[error]") {
  for (const auto kind : {provider_kind::openai, provider_kind::anthropic, provider_kind::gemini}) {
    const auto failure = fail(kind, 502, "<html>Bad Gateway</html>");
    CHECK(failure.kind == failure_class::server_error);
    CHECK(failure.status == 502);
    CHECK(failure.message == "upstream answered 502 with text/html");
    CHECK(fail(kind, 500, "").message == "upstream answered 500");
    CHECK(fail(kind, 503, "try later").message == "try later");
  }
}

TEST_CASE("other servers' error bodies are understood", "[error]") {
  const auto message_of = [](const char* body) {
    return fail(provider_kind::openai, 422, body).message;
  };
  CHECK(message_of(R"({"error":"plain"})") == "plain");
  CHECK(message_of(R"({"message":"top","code":422})") == "top");
  CHECK(message_of(R"({"detail":"why"})") == "why");
  CHECK(message_of(R"({"detail":[{"loc":"x"}]})") == R"([{"loc":"x"}])");
  CHECK(message_of(R"({"object":"error","message":"vllm"})") == "vllm");
  CHECK(message_of("[]") == "upstream answered 422");
  CHECK(message_of("7") == "7");
}

TEST_CASE("SECRETS.1 LOOP.2 messages lose keys and length", "[error]") {
  const auto failure = fail(
      provider_kind::openai, 401,
      openai_error(
          ("Incorrect API key provided: sk-AAAA1111SECRET. " + std::string(100'000, 'x')).c_str(),
          "", ""));
  CHECK(failure.message.find("SECRET") == std::string::npos);
  CHECK(failure.message.size() <= max_message_bytes);
}

TEST_CASE("SHAPE.5 any bytes make a message that can be written", "[error]") {
  const std::string bytes{"\xFF\xFE\0", 3};
  const auto failure = fail(provider_kind::openai, 500, bytes);
  CHECK(failure.kind == failure_class::server_error);
  CHECK(valid_utf8(failure.message) == failure.message);
  const auto coded =
      fail(provider_kind::openai, 400, "{\"error\":{\"code\":\"\xFF\",\"message\":\"\\ud83d\"}}");
  CHECK_NOTHROW(json(coded.code).dump());
  CHECK_NOTHROW(json(coded.message).dump());
}

} // namespace
} // namespace echelon::providers::test
