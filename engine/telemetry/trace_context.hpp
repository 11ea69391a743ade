/// Whose trace a request belongs to: W3C Trace Context, level 1.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace echelon::engine {

struct trace_context {
  std::string trace_id; ///< 32 hexadecimal digits in lower case, not all 0.
  std::string span_id;  ///< 16 of them: the caller's span, or ours.
  bool sampled = false; ///< Whoever began the trace records it.
  std::string state{};  ///< `tracestate`: what tracing systems tell each other. May be empty.
};

/// Reads `traceparent` and `tracestate` (lists joined by commas if there are several of those).
/// Nothing if the first is not valid; a `tracestate` that is not is left out, one that is longer
/// than 512 bytes cut at its end.
[[nodiscard]] std::optional<trace_context> parse_trace_context(std::string_view traceparent,
                                                               std::string_view tracestate);

/// The header's value.
[[nodiscard]] std::string traceparent_of(const trace_context& x);

/// Fresh ids, unique but not secret.
[[nodiscard]] std::string new_trace_id();
[[nodiscard]] std::string new_span_id();

/// Whether a trace that begins here is recorded when `ratio` (0 to 1) of them are. Decided by its
/// id: who else decides so decides alike.
[[nodiscard]] bool sampled_by_ratio(std::string_view trace_id, double ratio);

} // namespace echelon::engine
