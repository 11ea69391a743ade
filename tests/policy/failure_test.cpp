#include "policy/failure.hpp"

#include <catch2/catch.hpp>

using namespace echelon::policy;

TEST_CASE("statuses and codes fall into their failure class", "[failure]") {
  const auto [status, code, message, expected] =
      GENERATE(table<int, const char*, const char*, failure_class>({
          {400, "", "", failure_class::client_fault},
          {413, "", "", failure_class::client_fault},
          {415, "", "", failure_class::client_fault},
          {422, "", "", failure_class::client_fault},
          {400, "context_length_exceeded", "", failure_class::context_overflow},
          {400, "invalid_request_error", "prompt is too long: 210000 tokens",
           failure_class::context_overflow},
          {400, "content_filter", "", failure_class::content_policy},
          {400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.",
           failure_class::credential},
          {401, "", "", failure_class::credential},
          {403, "", "", failure_class::credential},
          {402, "", "", failure_class::quota_exhausted},
          {404, "model_not_found", "", failure_class::model_missing},
          {408, "", "", failure_class::request_timeout},
          {409, "", "", failure_class::request_timeout},
          {429, "rate_limit_exceeded", "", failure_class::rate_limited},
          {429, "insufficient_quota", "", failure_class::quota_exhausted},
          {429, "slow_down", "", failure_class::rate_limited},
          {500, "", "", failure_class::server_error},
          {502, "", "", failure_class::server_error},
          {503, "UNAVAILABLE", "", failure_class::server_error},
          {504, "", "", failure_class::server_error},
          {529, "overloaded_error", "", failure_class::server_error},
          {200, "overloaded_error", "", failure_class::server_error},
          {200, "", "", failure_class::invalid_reply},
      }));
  CAPTURE(status, code, message);
  CHECK(classify(status, code, message) == expected);
}

TEST_CASE("only health failures count for breakers, and a client's fault goes nowhere",
          "[failure]") {
  for (auto x : {failure_class::network, failure_class::timeout, failure_class::server_error,
                 failure_class::invalid_reply})
    CHECK(rule_of(x).counts);
  for (auto x :
       {failure_class::rate_limited, failure_class::client_fault, failure_class::credential,
        failure_class::client_gone, failure_class::request_timeout, failure_class::untranslatable,
        failure_class::router_exhausted})
    CHECK_FALSE(rule_of(x).counts);
  CHECK_FALSE(rule_of(failure_class::client_fault).move_on);
  CHECK_FALSE(rule_of(failure_class::client_fault).retry_here);
  CHECK_FALSE(rule_of(failure_class::credential).retry_here);
  CHECK(rule_of(failure_class::credential).bench);
}

TEST_CASE("the router's own shortage is momentary and says nothing of the upstream", "[failure]") {
  const auto rule = rule_of(failure_class::router_exhausted);
  CHECK(rule.retry_here);
  CHECK(rule.move_on);
  CHECK_FALSE(rule.counts);
  CHECK_FALSE(rule.bench);
  CHECK(to_string(failure_class::router_exhausted) == "router_exhausted");
}
