/// The audit log: who changed something, or was not let.
#pragma once

#include "engine/telemetry/line_log.hpp"

#include <chrono>
#include <string>

namespace echelon::engine {

/// One thing that somebody wanted.
struct audit_entry {
  std::string action{};  ///< `reload`, `drain`, or the method and path of a request.
  std::string by{};      ///< `admin_token`, `loopback`, `SIGHUP`, `file watch`, `another node`, ...
  std::string address{}; ///< Whence a request came; empty: it was none.
  bool allowed = true;   ///< False: it was refused for who asked.
  bool done = true;      ///< False: it failed, or was refused.
  int status = 0;        ///< Of the answer to a request.
  std::string detail{};  ///< In words; may be empty.
};

/// Writes a line, if there is an audit log.
void audit(line_log& to, const audit_entry& x);

/// `2026-11-26T14:03:23.123Z`
[[nodiscard]] std::string time_text(std::chrono::system_clock::time_point x);

} // namespace echelon::engine
