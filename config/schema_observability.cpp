// Traces and logs.
#include "config/schema.hpp"

namespace echelon::config {

using enum value_kind;

const section& telemetry_schema() {
  static const section x{"telemetry",
                         {
                             {.name = "traces",
                              .kind = map,
                              .about = "spans of requests for an OpenTelemetry collector",
                              .inner = &traces_schema()},
                         }};
  return x;
}

const section& traces_schema() {
  static const section x{
      "telemetry.traces",
      {
          {.name = "endpoint",
           .about = "base URL of the collector, such as `http://127.0.0.1:4318`; spans are posted "
                    "to its `/v1/traces` as OTLP in JSON",
           .required = true,
           .expands = true},
          {.name = "headers",
           .kind = strings,
           .about = "of each request to the collector",
           .expands = true,
           .secret = true},
          {.name = "ca_file",
           .about = "PEM bundle for an `https` endpoint",
           .expands = true,
           .absent = "the system's"},
          {.name = "service_name", .about = "`service.name` of the spans", .preset = "echelon"},
          {.name = "ratio",
           .kind = number,
           .about = "share of the traces that are recorded, by their ids",
           .preset = "1",
           .least = 0,
           .most = 1},
          {.name = "parent_based",
           .kind = flag,
           .about = "a caller that sends `traceparent` decides whether its trace is recorded",
           .preset = "true"},
          {.name = "propagate",
           .kind = flag,
           .about = "upstreams are sent `traceparent` and `tracestate`",
           .preset = "true"},
          {.name = "max_queue",
           .kind = whole,
           .about = "spans that may wait; more are dropped and counted",
           .preset = "8192"},
      }};
  return x;
}

const section& logs_schema() {
  static const section x{
      "logs",
      {
          {.name = "access",
           .about = "file that gets a JSON line for each request, or `stdout`",
           .expands = true},
          {.name = "audit",
           .about = "file that gets a JSON line for each change by an administrator, and for each "
                    "attempt that was refused, or `stdout`",
           .expands = true},
          {.name = "prompts",
           .kind = flag,
           .about = "the access log holds what clients ask, word by word",
           .preset = "false"},
      }};
  return x;
}

} // namespace echelon::config
