#include "engine/errors.hpp"

#include "config/diagnostic.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace echelon::engine {

using policy::failure_class;
using policy::give_up;

namespace {

std::string shown(std::string_view name) {
  return std::string{name.substr(0, 100)};
}

std::string nearest(std::string_view name, const policy::topology& known) {
  std::string best;
  std::size_t least = 4;
  if (name.size() > 100) return best;
  for (const auto& x : known.target_names)
    if (const auto d = config::edit_distance(name, x); d < least) {
      least = d;
      best = x;
    }
  return best.empty() ? best : fmt::format("; did you mean '{}'?", best);
}

/// Status of an upstream failure as the client sees it.
int client_status(const providers::upstream_failure& x) {
  switch (x.kind) {
  case failure_class::credential:
  case failure_class::quota_exhausted: return x.status == 429 ? 429 : 502;
  case failure_class::timeout: return 504;
  default: break;
  }
  if (x.status >= 400 && x.status < 500) return x.status;
  return x.status == 503 ? 503 : 502;
}

/// No upstream is to blame, and the next moment may be better.
final_error own_shortage(const providers::upstream_failure& x, std::string_view target) {
  final_error e;
  e.retry_after = std::chrono::seconds{1};
  e.error = {503,
             fmt::format("The router is short of resources of its own and could not call an "
                         "upstream of '{}': {}. Try again; if it goes on, the router's operator "
                         "must raise its limits (of open files first).",
                         target, x.message),
             "server_error", "router_exhausted", ""};
  return e;
}

final_error upstream_error(const providers::upstream_failure& x, std::string_view target) {
  if (x.kind == failure_class::router_exhausted) return own_shortage(x, target);
  final_error e;
  e.error.status = client_status(x);
  e.error.param = x.param;
  const bool own_fault =
      x.kind == failure_class::client_fault || x.kind == failure_class::context_overflow
      || x.kind == failure_class::content_policy || x.kind == failure_class::untranslatable;
  if (own_fault) {
    if (x.status == 0) e.error.status = 400;
    e.error.message = x.message;
    e.error.type = x.type.empty() ? "invalid_request_error" : x.type;
    e.error.code = x.code;
    return e;
  }
  e.error.type = e.error.status == 429   ? "rate_limit_error"
                 : e.error.status == 504 ? "timeout_error"
                                         : "upstream_error";
  e.error.code = x.code.empty() ? std::string{to_string(x.kind)} : x.code;
  if (x.kind == failure_class::credential
      || (x.kind == failure_class::quota_exhausted && x.status != 429)) {
    e.error.code = "no_usable_credentials";
    e.error.message = fmt::format("No usable credentials at the upstreams of '{}' (the last one "
                                  "answered {}). Check the providers' api_key.",
                                  target, x.status);
    return e;
  }
  e.error.message =
      x.status == 0
          ? fmt::format("All upstreams of '{}' failed; the last one: {}.", target, x.message)
          : fmt::format("All upstreams of '{}' failed; the last one answered {}: {}", target,
                        x.status, x.message);
  if (e.error.status == 429 || e.error.status == 503)
    e.retry_after = x.retry_after.value_or(policy::duration{});
  return e;
}

} // namespace

final_error error_of(const give_up& x, const std::optional<providers::upstream_failure>& last,
                     std::string_view target) {
  using namespace std::chrono_literals;
  final_error e;
  switch (x.why) {
  case give_up::kind::upstream:
    if (last) return upstream_error(*last, target);
    e.error = {502, "The upstream failed.", "upstream_error", "upstream_failed", ""};
    return e;
  case give_up::kind::no_room:
    e.retry_after = x.retry_after > 0ns ? x.retry_after : 1s;
    if (x.reason == policy::refusal::spent) {
      e.error = {429,
                 fmt::format("The budget of '{}' is spent, or what is left of it does not cover "
                             "this request.",
                             target),
                 "insufficient_quota", "insufficient_quota", ""};
    } else if (x.reason == policy::refusal::rate_limited) {
      e.error = {429, fmt::format("The rate limit of '{}' is used up.", target), "rate_limit_error",
                 "rate_limit_exceeded", ""};
    } else {
      e.error = {429, fmt::format("Every candidate of '{}' is busy and its queue is full.", target),
                 "rate_limit_error", "queue_full", ""};
    }
    return e;
  case give_up::kind::all_open:
    e.retry_after = x.retry_after > 0ns ? x.retry_after : 1s;
    e.error = {503,
               fmt::format("No healthy upstream for '{}': every circuit breaker is open or its "
                           "model is benched.",
                           target),
               "server_error", "no_healthy_upstream", ""};
    return e;
  case give_up::kind::unavailable:
    e.retry_after = 1s;
    e.error = {503, fmt::format("'{}' cannot be served right now.", target), "server_error",
               "unavailable", ""};
    return e;
  case give_up::kind::deadline:
    e.error = {
        504,
        fmt::format("The deadline of the request passed{}.",
                    x.reason == policy::refusal::saturated ? " while it waited for a permit" : ""),
        "timeout_error", "deadline_exceeded", ""};
    return e;
  }
  return e;
}

api_error unknown_target(std::string_view target, const policy::topology& known) {
  return {404,
          fmt::format("There is no node, pool, group, tier or model '{}'{} See GET /v1/models.",
                      shown(target), nearest(target, known).empty() ? "." : nearest(target, known)),
          "invalid_request_error", "model_not_found", "model"};
}

api_error unknown_fallback(std::string_view name, const policy::topology& known) {
  return {400,
          fmt::format("Header x-echelon-fallback-groups names '{}', which there is not{}",
                      shown(name), nearest(name, known).empty() ? "." : nearest(name, known)),
          "invalid_request_error", "unknown_fallback", "x-echelon-fallback-groups"};
}

} // namespace echelon::engine
