/// @file
/// Why a call failed.
#pragma once

#include <echelon/export.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace echelon {

/// Kinds of failure, for code that decides by them. New kinds may be added at the end.
enum class ErrorKind : std::uint8_t {
  configuration,  ///< The configuration, or a node_config, is wrong; the message lists every fault.
  unknown_target, ///< There is no such node, pool, group, tier or model.
  invalid_request,     ///< The request itself is wrong (400, 413, 422); no other model was asked.
  authentication,      ///< A remote gateway does not know the key (401).
  rate_limited,        ///< A limit of this router, or the upstreams' own, is used up (429).
  queue_full,          ///< Every candidate is busy and its queue is full (429).
  no_healthy_upstream, ///< Every breaker is open or every model benched (503).
  unavailable,         ///< The actors cannot be reached now: a cluster without a quorum, say (503).
  deadline_exceeded,   ///< The call's total deadline passed (504).
  upstream,            ///< Every attempt failed at the upstreams (502, 504, or their own status).
  connection,          ///< A remote gateway cannot be reached, or broke off.
  cancelled,           ///< The caller cancelled.
  shut_down            ///< The router was stopped while the call was running, or before it began.
};

/// `rate_limited` and so on; never null.
[[nodiscard]] ECHELON_API std::string_view to_string(ErrorKind kind);

/// All that is known of a failure.
struct ErrorInfo {
  ErrorKind kind = ErrorKind::upstream; ///< For decisions.
  int status = 0;    ///< HTTP status that a client of the gateway would see; 0: none.
  std::string code;  ///< `error.code` as the gateway tells it; may be empty.
  std::string param; ///< The field at fault; may be empty.
  /// How long to wait before the same call can succeed; absent: unknown.
  std::optional<std::chrono::milliseconds> retry_after;
  std::string request_id;     ///< `x-request-id`; empty if the call never began.
  std::string route;          ///< Last tier and model asked; empty if none was.
  std::uint32_t attempts = 0; ///< Attempts at upstreams.
  /// The decision record as JSON (steps, actors, verdicts, times); empty where there is none, as of
  /// calls to a remote gateway without an admin token.
  std::string decision;
  /// Text of a stream that broke after its content had begun; such a call is not repeated.
  std::string partial_text;
};

/// Thrown by calls, and given to their observers.
class ECHELON_API LlmError : public std::runtime_error {
public:
  /// `message` is for people: what was wrong, where, and what to do.
  LlmError(const std::string& message, ErrorInfo info);
  /// @cond special members
  LlmError(const LlmError&);
  LlmError& operator=(const LlmError&);
  ~LlmError() override;
  /// @endcond

  /// Kind of the failure.
  [[nodiscard]] ErrorKind kind() const noexcept { return info_.kind; }
  /// HTTP status that a client of the gateway would see; 0: none.
  [[nodiscard]] int status() const noexcept { return info_.status; }
  /// How long to wait before the same call can succeed; absent: unknown.
  [[nodiscard]] std::optional<std::chrono::milliseconds> retry_after() const noexcept {
    return info_.retry_after;
  }
  /// Everything else.
  [[nodiscard]] const ErrorInfo& info() const noexcept { return info_; }

private:
  ErrorInfo info_;
};

} // namespace echelon
