#include "policy/failure.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

namespace echelon::policy {
namespace {

bool contains(std::string_view text, std::string_view word) {
  const auto same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a))
           == std::tolower(static_cast<unsigned char>(b));
  };
  return std::search(text.begin(), text.end(), word.begin(), word.end(), same) != text.end();
}

bool any_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(), [&](auto w) { return contains(text, w); });
}

} // namespace

failure_rule rule_of(failure_class x) {
  //                                   retry_here move_on counts bench
  switch (x) {
  case failure_class::none: return {false, false, false, false};
  case failure_class::network: return {true, true, true, false};
  case failure_class::timeout: return {true, true, true, false};
  case failure_class::request_timeout: return {true, true, false, false};
  case failure_class::rate_limited: return {true, true, false, true};
  case failure_class::quota_exhausted: return {false, true, false, true};
  case failure_class::credential: return {false, true, false, true};
  case failure_class::model_missing: return {false, true, false, true};
  case failure_class::server_error: return {true, true, true, false};
  case failure_class::invalid_reply: return {true, true, true, false};
  case failure_class::client_fault: return {false, false, false, false};
  case failure_class::context_overflow: return {false, false, false, false};
  case failure_class::content_policy: return {false, false, false, false};
  case failure_class::untranslatable: return {false, true, false, false};
  case failure_class::client_gone: return {false, false, false, false};
  case failure_class::router_exhausted: return {true, true, false, false};
  }
  return {false, false, false, false};
}

std::string_view to_string(failure_class x) {
  switch (x) {
  case failure_class::none: return "none";
  case failure_class::network: return "network";
  case failure_class::timeout: return "timeout";
  case failure_class::request_timeout: return "request_timeout";
  case failure_class::rate_limited: return "rate_limited";
  case failure_class::quota_exhausted: return "quota_exhausted";
  case failure_class::credential: return "credential";
  case failure_class::model_missing: return "model_missing";
  case failure_class::server_error: return "server_error";
  case failure_class::invalid_reply: return "invalid_reply";
  case failure_class::client_fault: return "client_fault";
  case failure_class::context_overflow: return "context_overflow";
  case failure_class::content_policy: return "content_policy";
  case failure_class::untranslatable: return "untranslatable";
  case failure_class::client_gone: return "client_gone";
  case failure_class::router_exhausted: return "router_exhausted";
  }
  return "unknown";
}

failure_class classify(int status, std::string_view code, std::string_view message) {
  if (any_of(code, {"overloaded_error", "slow_down", "UNAVAILABLE"}) && status != 429)
    return failure_class::server_error;
  switch (status) {
  case 401:
  case 403: return failure_class::credential;
  case 402: return failure_class::quota_exhausted;
  case 404: return failure_class::model_missing;
  case 408:
  case 409: return failure_class::request_timeout;
  case 429:
    return any_of(code, {"insufficient_quota", "billing", "credit", "spend_limit"})
               ? failure_class::quota_exhausted
               : failure_class::rate_limited;
  default: break;
  }
  if (status >= 500) return failure_class::server_error;
  if (status == 400) {
    if (contains(message, "API key not valid")) return failure_class::credential;
    if (any_of(code, {"context_length_exceeded", "model_context_window_exceeded"})
        || any_of(message, {"prompt is too long", "maximum context length",
                            "exceeds the maximum number of tokens"}))
      return failure_class::context_overflow;
    if (any_of(code, {"content_filter", "content_policy_violation"}))
      return failure_class::content_policy;
  }
  if (status >= 400) return failure_class::client_fault;
  return failure_class::invalid_reply;
}

} // namespace echelon::policy
