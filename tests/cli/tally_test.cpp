#include "cli/bench/tally.hpp"

#include <nlohmann/json.hpp>

#include <catch2/catch.hpp>

using namespace echelon::cli;
using namespace std::chrono_literals;

namespace {

outcome answered(std::chrono::nanoseconds waited, std::chrono::nanoseconds took, int status = 200) {
  outcome x;
  x.due = outcome::time_point{1h};
  x.sent = x.due + waited;
  x.ended = x.sent + took;
  x.first = x.due;
  x.status = status;
  return x;
}

outcome failed(std::string kind, std::string text, int status, std::chrono::nanoseconds took) {
  auto x = answered(0ms, took, status);
  x.failure = std::move(kind);
  x.text = std::move(text);
  return x;
}

offered_load load_of(double rate, bool stream) {
  offered_load x;
  x.url = "http://127.0.0.1:1";
  x.target = "g";
  x.connections = 4;
  x.rate = rate;
  x.length = 2s;
  x.stream = stream;
  return x;
}

/// Two that went well, one of which waited; one refused; one timed out; one without an answer.
tally mixed() {
  tally x;
  x.add(answered(0ms, 10ms));
  x.add(answered(300ms, 10ms));
  x.add(failed("429 queue_full", "busy", 429, 1ms));
  x.add(failed("429 queue_full", "busier", 429, 1ms));
  auto late = failed("timeout", "no whole answer in time", 0, 1s);
  late.timed_out = true;
  x.add(late);
  x.add(failed("no connection", "Connection refused", 0, 0ms));
  x.took = 2s;
  return x;
}

} // namespace

TEST_CASE("latency counts from when a request was due, and what timed out counts too", "[bench]") {
  const auto uut = mixed();
  CHECK(uut.latency.count() == 3);
  CHECK(uut.latency.max() == 1s);
  CHECK(uut.latency.quantile(0.5) >= 310ms);
  CHECK(uut.latency.quantile(0.5) < 313ms);
  CHECK(uut.late.max() == 300ms);
}

TEST_CASE("requests are counted by status and by what failed", "[bench]") {
  const auto uut = mixed();
  CHECK(uut.good == 2);
  CHECK(uut.bad == 4);
  CHECK(uut.statuses == std::map<int, std::uint64_t>{{200, 2}, {429, 2}});
  REQUIRE(uut.failures.size() == 3);
  CHECK(uut.failures.at("429 queue_full").count == 2);
  CHECK(uut.failures.at("429 queue_full").example == "busy");
  CHECK(uut.throughput() == 1.0);
}

TEST_CASE("a run in which nothing happened has a report", "[bench]") {
  CHECK(tally{}.throughput() == 0);
  CHECK(report_json(load_of(0, false), {})["latency_ms"].is_null());
  CHECK(report_text(load_of(0, true), {}).find("latency     -\n") != std::string::npos);
}

TEST_CASE("the report as JSON has all of it", "[bench]") {
  const auto x = report_json(load_of(2.5, false), mixed());
  CHECK(x["target"] == "g");
  CHECK(x["rate"] == 2.5);
  CHECK(x["for"] == 2.0);
  CHECK(x["requests"] == 6);
  CHECK(x["good"] == 2);
  CHECK(x["failed"] == 4);
  CHECK(x["throughput"] == 1.0);
  CHECK(x["statuses"] == nlohmann::json{{"200", 2}, {"429", 2}});
  CHECK(x["latency_ms"]["max"] == 1000.0);
  CHECK(x["first_token_ms"].is_null());
  CHECK(x["late_ms"]["max"] == 300.0);
  CHECK(x["failures"].size() == 3);
  CHECK(report_json(load_of(0, false), mixed())["rate"].is_null());
}

TEST_CASE("the report as text", "[bench]") {
  auto result = mixed();
  auto streamed = answered(0ms, 50ms);
  streamed.first = streamed.due + 20ms;
  streamed.events = 12;
  result.add(streamed);
  const auto text = report_text(load_of(3, true), result);
  INFO(text);
  for (const auto* part :
       {"g at http://127.0.0.1:1, 4 connections, 3 requests/s for 2 s, streamed\n",
        "requests    7: 3 went well, 4 failed, in 2.00 s\n",
        "throughput  1.5 requests/s, 6 events/s\n", "statuses    3 x 200, 2 x 429\n",
        "first token p50 20.00  p90 20.00  p99 20.00  p99.9 20.00  max 20.00  mean 20.00 ms\n",
        "failed      2 x 429 queue_full: busy\n", "failed      1 x timeout: "})
    CHECK(text.find(part) != std::string::npos);
}
