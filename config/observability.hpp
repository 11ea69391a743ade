/// What is told to the outside about requests: traces and logs.
#pragma once

#include "policy/settings.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace echelon::config {

/// `telemetry.traces`: spans go to an OpenTelemetry collector. No `endpoint`: there are none.
struct traces_config {
  std::string endpoint;                       ///< Base URL of the collector, without `/v1/traces`.
  std::map<std::string, std::string> headers; ///< Of each request to it; values are secret.
  std::string ca_file;                        ///< PEM bundle; empty: the system's.
  std::string service = "echelon";            ///< `service.name`
  double ratio = 1;                           ///< Of the traces that begin here.
  bool parent_based = true;                   ///< A caller that decided is followed.
  bool propagate = true;                      ///< `traceparent` goes on to the upstreams.
  std::uint32_t max_queue = 8192;             ///< Spans that wait.
  [[nodiscard]] bool on() const { return !endpoint.empty(); }
  bool operator==(const traces_config&) const = default;
};

/// `logs`: files of JSON lines, or `stdout`. Empty: there is none.
struct logs_config {
  std::string access;   ///< A line for each request.
  std::string audit;    ///< A line for each thing that an administrator did, or was refused.
  bool prompts = false; ///< The access log holds what clients ask.
  bool operator==(const logs_config&) const = default;
};

} // namespace echelon::config
