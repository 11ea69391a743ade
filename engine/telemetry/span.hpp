/// One span of a trace, as OpenTelemetry has it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace echelon::engine {

using span_value = std::variant<std::string, std::int64_t, double, bool, std::vector<std::string>>;
/// Names are literals.
using span_attributes = std::vector<std::pair<std::string_view, span_value>>;
using wall_time = std::chrono::system_clock::time_point;

struct span_event {
  wall_time at;
  std::string name;
  span_attributes attributes{};
};

enum class span_kind : std::uint8_t { internal = 1, server = 2, client = 3 }; // As OTLP numbers.

struct span {
  std::string trace_id, span_id; ///< Hexadecimal, in lower case.
  std::string parent_id;         ///< Empty: the trace begins here.
  std::string state;             ///< `tracestate`
  std::string name;
  span_kind kind = span_kind::internal;
  wall_time start, end;
  span_attributes attributes;
  std::vector<span_event> events;
  bool failed = false;
  std::string why; ///< With `failed`, in words; may be empty.
};

} // namespace echelon::engine
