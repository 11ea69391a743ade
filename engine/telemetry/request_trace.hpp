/// The spans of one request: the server's own, and one for each attempt and each wait.
#pragma once

#include "config/observability.hpp"
#include "engine/telemetry/span.hpp"
#include "engine/telemetry/trace_context.hpp"
#include "policy/settings.hpp"
#include "providers/adapter.hpp"

#include <optional>
#include <string>
#include <vector>

namespace echelon::engine {

/// Made only where traces are on. Used from one thread at a time.
class request_trace {
public:
  /// The trace of `caller`, or a new one.
  request_trace(const config::traces_config& how, std::optional<trace_context> caller);

  /// Whether spans are recorded; if not, the trace's ids are passed on all the same.
  [[nodiscard]] bool recorded() const { return own_.sampled; }
  [[nodiscard]] const trace_context& own() const { return own_; } ///< The server's span.
  /// Headers that tell an upstream of `span_id`, our span that calls it. May be none.
  [[nodiscard]] providers::header_list headers(const std::string& span_id) const;

  /// The moment of a monotonic time by the wall.
  [[nodiscard]] wall_time at(policy::time_point t) const;
  /// A child of the server's span, between two moments.
  [[nodiscard]] span child(std::string name, policy::time_point from, policy::time_point to) const;
  void add(span x) { spans_.push_back(std::move(x)); }
  /// A span for the server's side of the request, from the trace's begin to now.
  [[nodiscard]] span server_span(std::string name) const;
  /// All that were added.
  [[nodiscard]] std::vector<span> take() { return std::move(spans_); }

private:
  trace_context own_;
  std::string parent_id_;
  bool propagate_;
  policy::time_point begun_ = policy::clock::now();
  wall_time wall_ = std::chrono::system_clock::now();
  std::vector<span> spans_;
};

} // namespace echelon::engine
