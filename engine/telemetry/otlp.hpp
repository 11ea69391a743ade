/// Spans as OpenTelemetry's protocol writes them in JSON (OTLP 1.x, ExportTraceServiceRequest).
#pragma once

#include "engine/telemetry/span.hpp"

#include <string>
#include <vector>

namespace echelon::engine {

/// The body of a POST to `/v1/traces`. `service` and `instance` say whose spans they are.
[[nodiscard]] std::string otlp_request(const std::vector<span>& spans, const std::string& service,
                                       const std::string& instance);

/// How many spans a collector's answer says it refused, with `why` in its words.
[[nodiscard]] std::size_t otlp_refused(std::string_view answer, std::string& why);

} // namespace echelon::engine
