#include "engine/telemetry/otlp.hpp"

#include "providers/json_text.hpp"

#include <nlohmann/json.hpp>

namespace echelon::engine {

using nlohmann::json;

namespace {

// In OTLP's JSON, numbers of 64 bits are strings, ids hexadecimal, and enums numbers.

std::string nanoseconds(wall_time x) {
  return std::to_string(
      std::chrono::duration_cast<std::chrono::nanoseconds>(x.time_since_epoch()).count());
}

struct value_writer {
  json operator()(const std::string& x) const { return {{"stringValue", x}}; }
  json operator()(std::int64_t x) const { return {{"intValue", std::to_string(x)}}; }
  json operator()(double x) const { return {{"doubleValue", x}}; }
  json operator()(bool x) const { return {{"boolValue", x}}; }
  json operator()(const std::vector<std::string>& x) const {
    json values = json::array();
    for (const auto& one : x)
      values.push_back({{"stringValue", one}});
    json list = json::object();
    list["values"] = std::move(values);
    json whole = json::object();
    whole["arrayValue"] = std::move(list);
    return whole;
  }
};

json attributes_json(const span_attributes& x) {
  json list = json::array();
  for (const auto& [name, value] : x) {
    json one = json::object();
    one["key"] = name;
    one["value"] = std::visit(value_writer{}, value);
    list.push_back(std::move(one));
  }
  return list;
}

json span_json(const span& x) {
  constexpr int status_error = 2;
  json one{{"traceId", x.trace_id},
           {"spanId", x.span_id},
           {"name", x.name},
           {"kind", static_cast<int>(x.kind)},
           {"startTimeUnixNano", nanoseconds(x.start)},
           {"endTimeUnixNano", nanoseconds(x.end)}};
  if (!x.parent_id.empty()) one["parentSpanId"] = x.parent_id;
  if (!x.state.empty()) one["traceState"] = x.state;
  one["attributes"] = attributes_json(x.attributes);
  if (!x.events.empty()) {
    json events = json::array();
    for (const auto& e : x.events) {
      json event{{"timeUnixNano", nanoseconds(e.at)}, {"name", e.name}};
      event["attributes"] = attributes_json(e.attributes);
      events.push_back(std::move(event));
    }
    one["events"] = std::move(events);
  }
  json status = json::object();
  if (x.failed) {
    status["code"] = status_error;
    if (!x.why.empty()) status["message"] = x.why;
  }
  one["status"] = std::move(status);
  return one;
}

} // namespace

std::string otlp_request(const std::vector<span>& spans, const std::string& service,
                         const std::string& instance) {
  json list = json::array();
  for (const auto& x : spans)
    list.push_back(span_json(x));
  json scope = json::object();
  scope["scope"] = {{"name", "echelon"}, {"version", ECHELON_VERSION}};
  scope["spans"] = std::move(list);
  json resource = json::object();
  resource["resource"]["attributes"] = attributes_json({{"service.name", service},
                                                        {"service.version", ECHELON_VERSION},
                                                        {"service.instance.id", instance}});
  resource["scopeSpans"] = json::array();
  resource["scopeSpans"].push_back(std::move(scope));
  json whole = json::object();
  whole["resourceSpans"] = json::array();
  whole["resourceSpans"].push_back(std::move(resource));
  return providers::write_json(whole);
}

std::size_t otlp_refused(std::string_view answer, std::string& why) {
  const auto x = json::parse(answer, nullptr, false);
  if (!x.is_object()) return 0;
  const auto part = x.find("partialSuccess");
  if (part == x.end() || !part->is_object()) return 0;
  if (const auto text = part->find("errorMessage"); text != part->end() && text->is_string())
    why = text->get<std::string>();
  const auto n = part->find("rejectedSpans");
  if (n == part->end()) return 0;
  if (n->is_number_unsigned()) return n->get<std::size_t>();
  if (!n->is_string()) return 0;
  return static_cast<std::size_t>(
      std::strtoull(n->get_ref<const std::string&>().c_str(), nullptr, 10));
}

} // namespace echelon::engine
