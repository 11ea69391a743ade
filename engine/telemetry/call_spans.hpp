/// Spans of what a call does: an attempt at an upstream, a wait for a permit.
#pragma once

#include "engine/attempt.hpp"
#include "engine/telemetry/request_trace.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace echelon::engine {

/// An attempt that has ended, named and described by OpenTelemetry's conventions for calls of
/// generative AI (`gen_ai.*`). `outcome`: `ok` or why it failed. `number` counts from 1.
[[nodiscard]] span attempt_span(const request_trace& of, const upstream_attempt& x,
                                std::string_view outcome, std::uint32_t number);

/// A wait in the queue of `actor`; `result`: how it ended.
[[nodiscard]] span wait_span(const request_trace& of, std::string_view actor,
                             policy::time_point from, std::string_view result);

/// The steps of a decision record as events of the server's span.
[[nodiscard]] std::vector<span_event> events_of(const request_trace& of,
                                                const std::vector<policy::step>& steps);

} // namespace echelon::engine
