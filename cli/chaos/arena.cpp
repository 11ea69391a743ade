#include "cli/chaos/arena.hpp"

#include "cli/http_client.hpp"
#include "config/url.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cmath>

namespace echelon::cli {

using nlohmann::json;

namespace {

std::vector<std::pair<std::string, std::string>> admin_headers(const std::string& token) {
  if (token.empty()) return {};
  return {{"Authorization", "Bearer " + token}};
}

} // namespace

json arena::state(std::size_t node) {
  try {
    const auto x = request(urls().at(node), "GET", "/admin/state", admin_headers(token()), "");
    return x.status == 200 ? json::parse(x.body, nullptr, false) : json();
  } catch (const std::exception&) {
    return {};
  }
}

std::map<std::string, std::vector<std::string>> arena::actors() {
  std::map<std::string, std::vector<std::string>> found{{"supervisor", {"supervisor"}}};
  for (std::size_t i = 0; i < nodes().size(); ++i) {
    const auto x = state(i);
    if (!x.is_object()) continue;
    for (const auto& actor : x.value("actors", json::array()))
      found[actor.value("level", "?")].push_back(actor.value("path", "?"));
    break; // Each router shows all of them.
  }
  return found;
}

std::string arena::disturb(const strike& x) {
  auto path = fmt::format("/admin/actors/{}/{}", config::escaped(x.subject, "-_./"), x.what->name);
  if (x.what->name == "pause") path += fmt::format("?ms={}", std::llround(x.length * 1000));
  if (x.what->name == "fill" || x.what->name == "drop")
    path += fmt::format("?messages={}", x.amount);
  std::string why = "no router is there";
  for (std::size_t i = 0; i < nodes().size(); ++i) {
    if (!ready(i)) continue;
    try {
      const auto answer = request(urls()[i], "POST", path, admin_headers(token()), "");
      if (answer.status == 202) return {};
      why = fmt::format("status {}: {}", answer.status, answer.body.substr(0, 200));
      if (answer.status != 404) break;
    } catch (const std::exception& error) {
      why = error.what();
    }
  }
  return why;
}

} // namespace echelon::cli
