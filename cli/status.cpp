#include "cli/commands.hpp"

#include "cli/http_client.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <iostream>
#include <thread>

namespace echelon::cli {

using nlohmann::json;

namespace {

std::string of(const json& used, const json& limit) {
  return limit.is_null() ? used.dump() + "/-" : used.dump() + '/' + limit.dump();
}

/// `b:3p/20u/900t`: node b has 3 permits, and 20 rate units and 900 LLM tokens that are not used.
/// What is not limited is left out.
std::string lent(const json& actor) {
  std::string text;
  for (const auto& x : actor.value("lent", json::array())) {
    if (!text.empty()) text += ' ';
    text += x.value("node", "?");
    char before = ':';
    for (const auto& [key, unit] : {std::pair{"permits", 'p'}, {"units", 'u'}, {"tokens", 't'}}) {
      if (x[key].is_null()) continue;
      text += before + x[key].dump() + unit;
      before = '/';
    }
  }
  return text;
}

std::string table(const json& state) {
  auto text = fmt::format("echelon {}, configuration version {}, {} requests in flight{}\n",
                          state.value("version", "?"), state.value("config_version", 0),
                          state.value("requests_in_flight", 0),
                          state.value("draining", false) ? ", draining" : "");
  const auto cluster = state.find("cluster");
  if (cluster != state.end()) {
    const auto membership = cluster->value("membership", "static");
    const bool acts = cluster->value("acts", false);
    const auto* standing = membership == "etcd" ? (acts ? "with its lease" : "WITHOUT ITS LEASE")
                                                : (acts ? "with a quorum" : "WITHOUT A QUORUM");
    text += fmt::format(
        "node {}, view {} of the cluster by {} membership, {}: ", cluster->value("node", "?"),
        cluster->value("epoch", 0), membership, standing);
    const auto share = cluster->value("share", "1/1");
    if (cluster->value("partition", "strict") == "scale")
      text += "with " + share + " of each limit: ";
    for (const auto& m : cluster->value("members", json::array()))
      text += fmt::format("{} ({}{}{}) ", m.value("node", "?"), m.value("address", "?"),
                          m.value("heard", false) ? "" : ", not heard",
                          m.value("same_config", true) ? "" : ", ANOTHER CONFIGURATION");
    text += '\n';
  }
  text += fmt::format("{:<44} {:>8} {:>11} {:>11} {:>13} {:>10} {:>9} {:>9}  {}\n", "ACTOR", "NODE",
                      "PERMITS", "QUEUE", "RATE LEFT", "BREAKER", "OK", "FAILED", "LENT");
  for (const auto& x : state.value("actors", json::array())) {
    const auto& breaker = x["breaker"];
    const auto& limiter = x["limiter"];
    text += fmt::format(
        "{:<44} {:>8} {:>11} {:>11} {:>13} {:>10} {:>9} {:>9}  {}\n", x.value("path", ""),
        x.value("node", "local"), of(x["permits"]["used"], x["permits"]["limit"]),
        of(x["queue"]["length"], x["queue"]["size"]),
        limiter["limit"].is_null() ? "-" : of(limiter["available"], limiter["limit"]),
        breaker.value("benched", false) ? "benched" : breaker.value("state", "?"),
        x["totals"]["succeeded"].dump(), x["totals"]["failed"].dump(), lent(x));
  }
  return text;
}

} // namespace

int status(const status_options& options) {
  std::vector<std::pair<std::string, std::string>> headers;
  if (!options.token.empty()) headers.emplace_back("Authorization", "Bearer " + options.token);
  try {
    for (;;) {
      const auto answer = request(options.url, "GET", "/admin/state", headers, "");
      if (answer.status != 200) {
        std::cerr << "echelon status: " << answer.status << ": " << answer.body << '\n';
        return 1;
      }
      if (options.watch) std::cout << "\033[H\033[2J";
      std::cout << (options.json ? answer.body + "\n" : table(json::parse(answer.body)))
                << std::flush;
      if (!options.watch) return 0;
      std::this_thread::sleep_for(std::chrono::seconds{1});
    }
  } catch (const std::exception& error) {
    std::cerr << "echelon status: " << error.what() << '\n';
    return 2;
  }
}

} // namespace echelon::cli
