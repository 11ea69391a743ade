#include "cli/status_table.hpp"

#include "cli/terminal.hpp"

#include <fmt/format.h>

#include <algorithm>

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

/// What matters to somebody who looks: 0 a sick actor, 1 one that does something, 2 one that rests.
int rank(const json& actor) {
  const auto& breaker = actor["breaker"];
  if (breaker.value("benched", false) || breaker.value("state", "closed") != "closed") return 0;
  return actor["permits"]["used"] != 0 || actor["queue"]["length"] != 0 ? 1 : 2;
}

colour colour_of(const std::string& breaker) {
  if (breaker == "open" || breaker == "benched") return colour::red;
  return breaker == "half_open" ? colour::yellow : colour::green;
}

/// The first `columns` characters that are seen, with the escapes between them.
std::string cut(const std::string& line, std::size_t columns) {
  std::string to;
  std::size_t seen = 0;
  bool painted = false;
  for (std::size_t i = 0; i < line.size();) {
    if (line[i] == '\033') {
      const auto end = std::min(line.find('m', i), line.size() - 1) + 1;
      to.append(line, i, end - i);
      painted = true;
      i = end;
      continue;
    }
    if ((static_cast<unsigned char>(line[i]) & 0xC0U) != 0x80 && seen++ == columns) {
      if (painted) to += "\033[0m";
      break;
    }
    to += line[i++];
  }
  return to;
}

void add_heading(std::vector<std::string>& to, const json& state, const table_style& style) {
  const bool draining = state.value("draining", false);
  to.push_back(fmt::format("echelon {}, configuration version {}, {} requests in flight{}",
                           state.value("version", "?"), state.value("config_version", 0),
                           state.value("requests_in_flight", 0),
                           draining ? painted(", draining", colour::yellow, style.colours) : ""));
  const auto cluster = state.find("cluster");
  if (cluster == state.end()) return;
  const auto membership = cluster->value("membership", "static");
  const bool acts = cluster->value("acts", false);
  const auto* standing = membership == "etcd" ? (acts ? "with its lease" : "WITHOUT ITS LEASE")
                                              : (acts ? "with a quorum" : "WITHOUT A QUORUM");
  auto text = fmt::format("node {}, view {} of the cluster by {} membership, {}: ",
                          cluster->value("node", "?"), cluster->value("epoch", 0), membership,
                          painted(standing, acts ? colour::none : colour::red, style.colours));
  const auto share = cluster->value("share", "1/1");
  if (cluster->value("partition", "strict") == "scale")
    text += "with " + share + " of each limit: ";
  for (const auto& m : cluster->value("members", json::array()))
    text += fmt::format("{} ({}{}{}) ", m.value("node", "?"), m.value("address", "?"),
                        m.value("heard", false) ? "" : ", not heard",
                        m.value("same_config", true) ? "" : ", ANOTHER CONFIGURATION");
  to.push_back(std::move(text));
}

std::string row(const json& x, std::size_t width, const table_style& style) {
  const auto& breaker = x["breaker"];
  const auto& limiter = x["limiter"];
  const auto state = breaker.value("benched", false) ? "benched" : breaker.value("state", "?");
  return fmt::format("{:<{}} {:>8} {:>11} {:>11} {:>13} {} {:>9} {:>9}  {}", x.value("path", ""),
                     width, x.value("node", "local"),
                     of(x["permits"]["used"], x["permits"]["limit"]),
                     of(x["queue"]["length"], x["queue"]["size"]),
                     limiter["limit"].is_null() ? "-" : of(limiter["available"], limiter["limit"]),
                     painted(fmt::format("{:>10}", state), colour_of(state), style.colours),
                     x["totals"]["succeeded"].dump(), x["totals"]["failed"].dump(), lent(x));
}

} // namespace

std::vector<std::string> status_lines(const json& state, const table_style& style) {
  std::vector<std::string> lines;
  add_heading(lines, state, style);
  auto actors = state.value("actors", json::array());
  std::size_t width = style.columns > 0 ? 5 : 44;
  for (const auto& x : actors)
    width = std::max(width, x.value("path", "").size());
  lines.push_back(painted(fmt::format("{:<{}} {:>8} {:>11} {:>11} {:>13} {:>10} {:>9} {:>9}  {}",
                                      "ACTOR", width, "NODE", "PERMITS", "QUEUE", "RATE LEFT",
                                      "BREAKER", "OK", "FAILED", "LENT"),
                          colour::bold, style.colours));
  std::size_t room = actors.size();
  if (style.rows > 0 && lines.size() + actors.size() > style.rows) {
    room = style.rows > lines.size() + 1 ? style.rows - lines.size() - 1 : 0;
    std::stable_sort(actors.begin(), actors.end(),
                     [](const json& a, const json& b) { return rank(a) < rank(b); });
  }
  for (std::size_t i = 0; i < room; ++i)
    lines.push_back(row(actors[i], width, style));
  if (room < actors.size())
    lines.push_back(fmt::format("... and {} more actors", actors.size() - room));
  if (style.columns > 0)
    for (auto& x : lines)
      x = cut(x, style.columns);
  return lines;
}

} // namespace echelon::cli
