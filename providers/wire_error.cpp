#include "providers/wire_error.hpp"

#include "providers/json_read.hpp"
#include "providers/retry_after.hpp"
#include "providers/text.hpp"

#include <algorithm>
#include <array>

namespace echelon::providers {

using nlohmann::json;
using policy::failure_class;

namespace {

struct words {
  const char* type;
  const char* code;
};

words words_of(failure_class kind, int status) {
  switch (kind) {
  case failure_class::none: return {"", ""};
  case failure_class::network: return {"upstream_error", "connection_error"};
  case failure_class::timeout: return {"timeout_error", "timeout"};
  case failure_class::request_timeout: return {"timeout_error", "request_timeout"};
  case failure_class::rate_limited: return {"rate_limit_error", "rate_limit_exceeded"};
  case failure_class::quota_exhausted: return {"insufficient_quota", "insufficient_quota"};
  case failure_class::credential:
    return {"invalid_request_error", status == 403 ? "permission_denied" : "invalid_api_key"};
  case failure_class::model_missing: return {"invalid_request_error", "model_not_found"};
  case failure_class::server_error:
    return {"server_error", status == 529 || status == 503 ? "overloaded" : ""};
  case failure_class::invalid_reply: return {"upstream_error", "invalid_reply"};
  case failure_class::client_fault:
    return {"invalid_request_error", status == 413 ? "request_too_large" : ""};
  case failure_class::context_overflow: return {"invalid_request_error", "context_length_exceeded"};
  case failure_class::content_policy: return {"invalid_request_error", "content_policy_violation"};
  case failure_class::untranslatable: return {"invalid_request_error", "unsupported_value"};
  case failure_class::client_gone: return {"", ""};
  case failure_class::router_exhausted: return {"server_error", "router_exhausted"};
  }
  return {"", ""};
}

bool any_in(std::string_view text, std::initializer_list<std::string_view> parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [&](std::string_view part) { return contains_text(text, part); });
}

// Parts of an error object, whatever its format.
struct error_parts {
  std::string message;
  std::string type;
  std::string code;
  std::string param;
  std::string words; // Type, code and Google's status, for matching.
  int number = 0;    // A numeric code: an HTTP status.
  bool openai = true;
  json details;
};

bool truthy(const json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number()) return value != 0;
  return !value.is_null() && !value.empty() && value != "";
}

// The member that holds the error, or null.
const json& error_of(const json& body) {
  static const json none;
  if (body.is_array())
    return body.empty() || body.front().is_array() ? none : error_of(body.front());
  if (truthy(member(body, "error"))) return member(body, "error");
  if (text_of(body, "object") == "error" || text_of(body, "type") == "error") return body;
  return none;
}

error_parts take_apart(const json& error, bool anthropic) {
  error_parts parts;
  if (error.is_string()) {
    parts.message = error.get<std::string>();
    return parts;
  }
  parts.message = text_of(error, "message");
  for (const auto* key : {"detail", "error", "msg"})
    if (parts.message.empty() && has(error, key))
      parts.message =
          member(error, key).is_string() ? text_of(error, key) : dump(member(error, key));
  parts.type = scalar_of(error, "type");
  parts.code = scalar_of(error, "code");
  parts.param = text_of(error, "param");
  parts.details = member(error, "details");
  const auto status = text_of(error, "status");
  parts.words = parts.type + ' ' + parts.code + ' ' + status;
  parts.openai = !anthropic && status.empty();
  if (parts.code.size() == 3 && std::all_of(parts.code.begin(), parts.code.end(), [](char c) {
        return c >= '0' && c <= '9';
      })) {
    parts.number = std::stoi(parts.code);
    parts.code.clear();
  }
  return parts;
}

// The HTTP status that words alone stand for: errors inside of a 200.
int status_of(const error_parts& parts) {
  if (parts.number >= 400 && parts.number < 600) return parts.number;
  struct row {
    std::string_view word;
    int status;
  };
  constexpr std::array<row, 23> table{{
      {"overloaded", 529},
      {"slow_down", 503},
      {"UNAVAILABLE", 503},
      {"insufficient_quota", 429},
      {"rate_limit", 429},
      {"RESOURCE_EXHAUSTED", 429},
      {"model_not_found", 404},
      {"not_found_error", 404},
      {"NOT_FOUND", 404},
      {"invalid_api_key", 401},
      {"authentication_error", 401},
      {"UNAUTHENTICATED", 401},
      {"permission", 403},
      {"billing_error", 402},
      {"request_too_large", 413},
      {"timeout_error", 504},
      {"DEADLINE_EXCEEDED", 504},
      {"server_error", 500},
      {"api_error", 500},
      {"content_filter", 400},
      {"invalid_request_error", 400},
      {"INVALID_ARGUMENT", 400},
      {"FAILED_PRECONDITION", 400},
  }};
  const auto it = std::find_if(table.begin(), table.end(),
                               [&](const row& x) { return contains_text(parts.words, x.word); });
  return it == table.end() ? 500 : it->status;
}

// google.rpc.RetryInfo.
std::optional<std::chrono::nanoseconds> retry_info(const json& details) {
  if (details.is_array())
    for (const auto& detail : details)
      if (const auto wait = parse_span(text_of(detail, "retryDelay"))) return wait;
  return std::nullopt;
}

bool limit_is_zero(std::string_view message) {
  constexpr std::string_view sign = "limit: 0";
  for (auto at = message.find(sign); at != std::string_view::npos;
       at = message.find(sign, at + 1)) {
    const auto rest = message.substr(at + sign.size());
    if (rest.empty()
        || std::string_view{"0123456789."}.find(rest.front()) == std::string_view::npos)
      return true;
  }
  return false;
}

// google.rpc.QuotaFailure: a quota of a day, or none at all, does not pass soon.
bool long_quota(const error_parts& parts) {
  if (limit_is_zero(parts.message)) return true;
  if (!parts.details.is_array()) return false;
  for (const auto& detail : parts.details) {
    const auto& violations = member(detail, "violations");
    if (!violations.is_array()) continue;
    for (const auto& violation : violations)
      if (contains_text(text_of(violation, "quotaId"), "PerDay")
          || scalar_of(violation, "quotaValue") == "0")
        return true;
  }
  return false;
}

bool key_detail(const json& details) {
  return details.is_array() && std::any_of(details.begin(), details.end(), [](const json& detail) {
           return text_of(detail, "reason") == "API_KEY_INVALID";
         });
}

failure_class class_of(int status, const error_parts& parts, bool told_to_wait) {
  const auto kind = policy::classify(status, parts.words, parts.message);
  if (status == 499) return failure_class::request_timeout;
  if (any_in(parts.words, {"insufficient_quota", "billing_error"})
      || any_in(parts.message, {"credit balance is too low", "spend limit", "spending limit",
                                "specified API usage limits"}))
    return failure_class::quota_exhausted;
  if (status == 429) {
    if (long_quota(parts)) return failure_class::quota_exhausted;
    // Google says so of quotas of a minute too.
    if (parts.openai && !told_to_wait
        && contains_text(parts.message, "exceeded your current quota"))
      return failure_class::quota_exhausted;
  }
  if (kind != failure_class::client_fault) return kind;
  if (any_in(parts.words, {"model_not_found"})) return failure_class::model_missing;
  if (status != 400) return kind;
  if (key_detail(parts.details) || any_in(parts.words, {"FAILED_PRECONDITION", "invalid_api_key"}))
    return failure_class::credential;
  if (any_in(parts.message, {"exceed context limit", "context window"}))
    return failure_class::context_overflow;
  return kind;
}

upstream_failure normalise(int status, const error_parts& parts, const header_list& headers,
                           std::chrono::system_clock::time_point now) {
  auto wait = retry_after(headers, now);
  if (!wait) wait = retry_info(parts.details);
  const auto kind = class_of(status, parts, wait.has_value());
  if (!wait && status == 429) wait = limit_reset(headers, now);
  auto failure = make_failure(kind, status, safe_message(parts.message, status));
  const auto safe = [](const std::string& text) {
    return std::string{cut_utf8(scrub(valid_utf8(text)), 100)};
  };
  if (parts.openai && !parts.type.empty()) failure.type = safe(parts.type);
  if (parts.openai && !parts.code.empty()) failure.code = safe(parts.code);
  // Anthropic's type and Google's status say more than nothing.
  if (failure.code.empty() && !parts.openai) failure.code = safe(std::string{trim(parts.words)});
  failure.param = safe(parts.param);
  failure.retry_after = wait;
  return failure;
}

error_parts parts_of(const json& body) {
  const auto& error = error_of(body);
  const bool anthropic = text_of(body, "type") == "error";
  return take_apart(error.is_null() ? body : error, anthropic);
}

} // namespace

upstream_failure make_failure(failure_class kind, int status, std::string message, std::string code,
                              std::string param) {
  const auto known = words_of(kind, status);
  upstream_failure failure;
  failure.kind = kind;
  failure.status = status;
  failure.message = std::move(message);
  failure.type = known.type;
  failure.code = code.empty() ? known.code : std::move(code);
  failure.param = std::move(param);
  return failure;
}

upstream_failure invalid_reply(std::string message) {
  return make_failure(failure_class::invalid_reply, 502, std::move(message));
}

upstream_failure cut_stream() {
  return make_failure(failure_class::server_error, 502, "upstream stream ended early",
                      "stream_interrupted");
}

upstream_failure read_failure(int status, const header_list& headers, std::string_view body,
                              std::chrono::system_clock::time_point now) {
  const auto value = parse_json(body);
  if (value.is_object() || value.is_array())
    return normalise(status, parts_of(value), headers, now);
  error_parts parts;
  parts.message = body.substr(0, 4 * max_message_bytes);
  return normalise(status, parts, headers, now);
}

std::optional<upstream_failure> embedded_failure(const json& body) {
  if (error_of(body).is_null()) return std::nullopt;
  const auto parts = parts_of(body);
  return normalise(status_of(parts), parts, {}, {});
}

upstream_failure not_json(std::string_view body) {
  const auto text = trim(body);
  if (text.empty()) return invalid_reply("upstream answered with an empty body");
  if (looks_like_html(text.substr(0, 4096)))
    return invalid_reply("upstream answered 200 with text/html");
  return invalid_reply("upstream answered 200 with a body that is no valid JSON");
}

translation_error wrong_field(std::string param, std::string message) {
  return {make_failure(failure_class::client_fault, 400, std::move(message), "invalid_value",
                       std::move(param))};
}

translation_error no_form_for(std::string param, std::string message) {
  return {
      make_failure(failure_class::untranslatable, 400, std::move(message), {}, std::move(param))};
}

} // namespace echelon::providers
