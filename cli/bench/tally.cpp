#include "cli/bench/tally.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace echelon::cli {

using nlohmann::json;

namespace {

constexpr std::pair<const char*, double> quantiles[] = {
    {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}};

double ms(std::chrono::nanoseconds x) {
  return std::chrono::duration<double, std::milli>{x}.count();
}

double seconds(std::chrono::nanoseconds x) {
  return std::chrono::duration<double>{x}.count();
}

std::string row(const char* name, const histogram& x) {
  if (x.count() == 0) return fmt::format("{:<12}-\n", name);
  auto text = fmt::format("{:<12}", name);
  for (const auto& [label, q] : quantiles)
    text += fmt::format("{} {:.2f}  ", label, ms(x.quantile(q)));
  return text + fmt::format("max {:.2f}  mean {:.2f} ms\n", ms(x.max()), ms(x.mean()));
}

json times(const histogram& x) {
  if (x.count() == 0) return nullptr;
  json out{{"count", x.count()}, {"mean", ms(x.mean())}, {"max", ms(x.max())}};
  for (const auto& [label, q] : quantiles)
    out[label] = ms(x.quantile(q));
  return out;
}

} // namespace

void tally::add(const outcome& x) {
  if (x.status != 0) ++statuses[x.status];
  events += x.events;
  late.add(x.sent - x.due);
  if (x.failure.empty() || x.timed_out) latency.add(x.ended - x.due);
  if (x.failure.empty()) {
    ++good;
    if (x.first != x.due) first_token.add(x.first - x.due);
    return;
  }
  ++bad;
  auto& kind = failures[x.failure];
  if (kind.count++ == 0) kind.example = x.text;
}

double tally::throughput() const {
  return took > took.zero() ? static_cast<double>(good) / seconds(took) : 0;
}

std::string report_text(const offered_load& load, const tally& result) {
  auto text = fmt::format("{} at {}, {} connections, ", load.target, load.url, load.connections);
  text += load.rate > 0 ? fmt::format("{:g} requests/s for {:g} s{}\n", load.rate,
                                      seconds(load.length), load.stream ? ", streamed" : "")
                        : fmt::format("one request after the other on each for {:g} s{}\n",
                                      seconds(load.length), load.stream ? ", streamed" : "");
  text += fmt::format("requests    {}: {} went well, {} failed, in {:.2f} s\n",
                      result.good + result.bad, result.good, result.bad, seconds(result.took));
  text += fmt::format("throughput  {:.1f} requests/s", result.throughput());
  if (load.stream && result.took > result.took.zero())
    text +=
        fmt::format(", {:.0f} events/s", static_cast<double>(result.events) / seconds(result.took));
  const auto* before = "\nstatuses    ";
  for (const auto& [status, count] : result.statuses) {
    text += fmt::format("{}{} x {}", before, count, status);
    before = ", ";
  }
  text += '\n' + row("latency", result.latency);
  if (load.stream) text += row("first token", result.first_token);
  if (load.rate > 0) text += row("sent late", result.late);
  for (const auto& [kind, x] : result.failures)
    text += fmt::format("failed      {} x {}{}\n", x.count, kind,
                        x.example.empty() ? "" : ": " + x.example);
  return text;
}

json report_json(const offered_load& load, const tally& result) {
  json statuses = json::object(), failures = json::array();
  for (const auto& [status, count] : result.statuses)
    statuses[std::to_string(status)] = count;
  for (const auto& [kind, x] : result.failures)
    failures.push_back({{"kind", kind}, {"count", x.count}, {"example", x.example}});
  json out{{"target", load.target},
           {"url", load.url},
           {"stream", load.stream},
           {"connections", load.connections},
           {"rate", nullptr},
           {"for", seconds(load.length)},
           {"took", seconds(result.took)},
           {"requests", result.good + result.bad},
           {"good", result.good},
           {"failed", result.bad},
           {"throughput", result.throughput()},
           {"events", result.events},
           {"statuses", std::move(statuses)},
           {"failures", std::move(failures)},
           {"latency_ms", times(result.latency)},
           {"first_token_ms", times(result.first_token)},
           {"late_ms", times(result.late)}};
  if (load.rate > 0) out["rate"] = load.rate;
  return out;
}

} // namespace echelon::cli
