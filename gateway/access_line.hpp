/// A request as a line of the access log.
#pragma once

#include "engine/telemetry/observation.hpp"
#include "gateway/connection.hpp"

#include <string>

namespace echelon::gateway {

/// What is known of a request from its head.
struct request_head {
  std::string method, path, agent; ///< `path` without its query.
  std::chrono::system_clock::time_point at;
  policy::time_point begun{};
};

/// One JSON object, without a line's end. What is not known is left out.
[[nodiscard]] std::string access_line(const request_head& head, const connection& client,
                                      const engine::observation& seen);

} // namespace echelon::gateway
