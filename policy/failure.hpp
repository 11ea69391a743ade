/// The one table of failure classes: what a failed attempt means for the request and for the model.
#pragma once

#include <cstdint>
#include <string_view>

namespace echelon::policy {

/// What went wrong with one attempt at one model.
enum class failure_class : std::uint8_t {
  none,             ///< No failure.
  network,          ///< DNS, connect, TLS, reset, end of file before any answer.
  timeout,          ///< Our own attempt timer, for the first content or between chunks.
  request_timeout,  ///< 408, 409.
  rate_limited,     ///< 429 that passes with time.
  quota_exhausted,  ///< 402, `insufficient_quota`, per-day quota: does not pass soon.
  credential,       ///< 401, 403, "API key not valid".
  model_missing,    ///< 404 `model_not_found`.
  server_error,     ///< 5xx, 529, overloaded, also as an error event in a stream.
  invalid_reply,    ///< 2xx that is no valid answer: HTML, broken JSON, empty body.
  client_fault,     ///< 400, 413, 415, 422 and other 4xx: the request itself is wrong.
  context_overflow, ///< 400 because the prompt is longer than the model's window.
  content_policy,   ///< 400 because a filter refused the prompt.
  untranslatable,   ///< The request cannot be expressed for this provider; nothing was sent.
  client_gone,      ///< The client left. Nobody's fault.
  router_exhausted, ///< No descriptor, port, buffer or thread for the call: our own shortage.
};

/// How one class is treated.
struct failure_rule {
  bool retry_here; ///< The same model may be tried again after a backoff.
  bool move_on;    ///< Another model, tier or group may be tried.
  bool counts;     ///< Counts for breakers.
  bool bench;      ///< The model is not used for a while (Retry-After, or the class's default).
};

/// The row of `x`.
[[nodiscard]] failure_rule rule_of(failure_class x);

[[nodiscard]] std::string_view to_string(failure_class x);

/// Class of an upstream's HTTP status and error code (`error.code`, `error.type` or `error.status`,
/// lower case or as sent; may be empty) and message (may be empty; read for context overflow only).
/// Status 529 and codes `overloaded_error`, `slow_down`, `UNAVAILABLE` are server_error.
/// Source: OpenAI and Anthropic error pages, Google RPC codes.
[[nodiscard]] failure_class classify(int status, std::string_view code, std::string_view message);

} // namespace echelon::policy
