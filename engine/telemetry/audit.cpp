#include "engine/telemetry/audit.hpp"

#include "providers/json_text.hpp"

#include <fmt/chrono.h>
#include <nlohmann/json.hpp>

namespace echelon::engine {

std::string time_text(std::chrono::system_clock::time_point x) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(x);
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(x - seconds).count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(seconds), ms);
}

void audit(line_log& to, const audit_entry& x) {
  if (!to.on()) return;
  nlohmann::json line{{"time", time_text(std::chrono::system_clock::now())},
                      {"action", x.action},
                      {"by", x.by},
                      {"allowed", x.allowed},
                      {"done", x.done}};
  if (!x.address.empty()) line["address"] = x.address;
  if (x.status != 0) line["status"] = x.status;
  if (!x.detail.empty()) line["detail"] = x.detail;
  to.write(providers::write_json(line));
}

} // namespace echelon::engine
