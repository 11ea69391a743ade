#include "cli/chaos/running.hpp"

#include "cli/http_client.hpp"

#include <nlohmann/json.hpp>

#include <stdexcept>

namespace echelon::cli {

running_router::running_router(std::string url, std::string token, std::vector<std::string> targets)
    : url_(std::move(url)), token_(std::move(token)) {
  for (auto& x : targets)
    targets_.push_back({std::move(x), {}});
  request(url_, "GET", "/healthz", {}, ""); // Says why if nobody is there.
  const auto now = state(0);
  if (!now.is_object())
    throw std::runtime_error("GET " + url_ + "/admin/state is refused: give --token");
  if (!now.value("chaos", false))
    throw std::runtime_error("the router at " + url_
                             + " does not let itself be disturbed: start it with `echelon serve "
                               "--chaos`, or leave --url out to have one started");
}

} // namespace echelon::cli
