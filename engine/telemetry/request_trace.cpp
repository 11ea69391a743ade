#include "engine/telemetry/request_trace.hpp"

namespace echelon::engine {

request_trace::request_trace(const config::traces_config& how, std::optional<trace_context> caller)
    : propagate_(how.propagate) {
  if (caller) {
    own_ = std::move(*caller);
    parent_id_ = std::move(own_.span_id);
    if (!how.parent_based) own_.sampled = sampled_by_ratio(own_.trace_id, how.ratio);
  } else {
    own_.trace_id = new_trace_id();
    own_.sampled = sampled_by_ratio(own_.trace_id, how.ratio);
  }
  own_.span_id = new_span_id();
}

providers::header_list request_trace::headers(const std::string& span_id) const {
  if (!propagate_) return {};
  auto x = own_;
  x.span_id = span_id;
  providers::header_list found{{"traceparent", traceparent_of(x)}};
  if (!x.state.empty()) found.emplace_back("tracestate", x.state);
  return found;
}

wall_time request_trace::at(policy::time_point t) const {
  return wall_ + std::chrono::duration_cast<wall_time::duration>(t - begun_);
}

span request_trace::child(std::string name, policy::time_point from, policy::time_point to) const {
  span x;
  x.trace_id = own_.trace_id;
  x.span_id = new_span_id();
  x.parent_id = own_.span_id;
  x.state = own_.state;
  x.name = std::move(name);
  x.start = at(from);
  x.end = at(to);
  return x;
}

span request_trace::server_span(std::string name) const {
  auto x = child(std::move(name), begun_, policy::clock::now());
  x.span_id = own_.span_id;
  x.parent_id = parent_id_;
  x.kind = span_kind::server;
  return x;
}

} // namespace echelon::engine
