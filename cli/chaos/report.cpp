// The report of an experiment as JSON and as text.
#include "cli/chaos/record.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>

namespace echelon::cli {

using nlohmann::json;

namespace {

struct recoveries {
  std::uint64_t dealt = 0, failed = 0, never = 0;
  std::vector<double> times;
  double quantile(double q) const {
    if (times.empty()) return 0;
    const auto last = static_cast<double>(times.size() - 1);
    return times[static_cast<std::size_t>(std::lround(q * last))];
  }
};

std::map<std::string, recoveries> by_kind(const chaos_report& x) {
  std::map<std::string, recoveries> found;
  for (const auto& s : x.strikes) {
    auto& to = found[std::string{s.what.what->name}];
    ++(s.failed.empty() ? to.dealt : to.failed);
    if (s.failed.empty() && s.recovered < 0) ++to.never;
    if (s.recovered >= 0) to.times.push_back(s.recovered);
  }
  for (auto& [kind, r] : found)
    std::sort(r.times.begin(), r.times.end());
  return found;
}

double milliseconds(double seconds) {
  return std::round(seconds * 1e4) / 10;
}

json failures_json(const std::map<std::string, tally::failed>& all) {
  json list = json::array();
  for (const auto& [kind, x] : all)
    list.push_back({{"kind", kind}, {"count", x.count}, {"example", x.example}});
  return list;
}

json strikes_json(const chaos_report& x) {
  json list = json::array();
  for (const auto& s : x.strikes) {
    json one{{"at", std::round(s.began * 1e3) / 1e3},
             {"for", std::round((s.ended - s.began) * 1e3) / 1e3},
             {"fault", std::string{s.what.what->name}},
             {"subject", s.what.subject},
             {"recovered_ms", s.recovered < 0 ? json() : json(milliseconds(s.recovered))}};
    if (!s.failed.empty()) one["failed"] = s.failed;
    list.push_back(std::move(one));
  }
  return list;
}

} // namespace

json chaos_json(const chaos_report& x) {
  json limits = json::array(), faults = json::object();
  for (const auto& l : x.limits)
    limits.push_back({{"actor", l.actor},
                      {"counts", l.what},
                      {"limit", l.limit},
                      {"most", l.most},
                      {"held", l.held()}});
  for (const auto& [kind, r] : by_kind(x))
    faults[kind] = {{"dealt", r.dealt},
                    {"not_dealt", r.failed},
                    {"no_answer_after", r.never},
                    {"recovered_ms",
                     {{"p50", milliseconds(r.quantile(0.5))},
                      {"p99", milliseconds(r.quantile(0.99))},
                      {"max", milliseconds(r.quantile(1))}}}};
  return {{"good", x.good()},
          {"seed", x.of.seed},
          {"for", x.of.seconds},
          {"rate", x.of.rate},
          {"nodes", x.nodes.size()},
          {"full_disk", x.of.full_disk},
          {"requests",
           {{"sent", x.requests.size()},
            {"answered", x.count(fate::answered)},
            {"refused", x.count(fate::refused)},
            {"cut_off", x.count(fate::cut_off)},
            {"lost", x.count(fate::lost)}}},
          {"refusals", failures_json(x.refusals)},
          {"losses", failures_json(x.losses)},
          {"limits", std::move(limits)},
          {"held", x.held},
          {"complaints", x.complaints},
          {"restarts", {{"actors", x.restarts}, {"supervisors", x.supervisors}}},
          {"faults", std::move(faults)},
          {"strikes", strikes_json(x)}};
}

std::string chaos_text(const chaos_report& x) {
  auto text = fmt::format("{} requests in {:.0f} s: {} answered, {} refused, {} cut off with their "
                          "router, {} lost\n",
                          x.requests.size(), x.of.seconds, x.count(fate::answered),
                          x.count(fate::refused), x.count(fate::cut_off), x.count(fate::lost));
  for (const auto& [kind, f] : x.refusals)
    text += fmt::format("refused     {} x {}: {}\n", f.count, kind, f.example);
  for (const auto& [kind, f] : x.losses)
    text += fmt::format("LOST        {} x {}: {}\n", f.count, kind, f.example);
  for (const auto& l : x.limits)
    text += fmt::format("{:<11} {}: {} of {} {}\n", l.held() ? "limit" : "OVER", l.actor, l.most,
                        l.limit, l.what);
  for (const auto& [kind, r] : by_kind(x))
    text += fmt::format("{:<14} {:>6} dealt{}, answered again after p50 {:.1f}  p99 {:.1f}  max "
                        "{:.1f} ms\n",
                        kind, r.dealt, r.failed > 0 ? fmt::format(" ({} not)", r.failed) : "",
                        milliseconds(r.quantile(0.5)), milliseconds(r.quantile(0.99)),
                        milliseconds(r.quantile(1)));
  text += fmt::format("restarts    {} of actors, {} of supervisors\n", x.restarts, x.supervisors);
  for (const auto& path : x.held)
    text += fmt::format("HELD        {}\n", path);
  for (const auto& complaint : x.complaints)
    text += fmt::format("WRONG       {}\n", complaint);
  return text + (x.good() ? "good\n" : "NOT GOOD\n");
}

} // namespace echelon::cli
