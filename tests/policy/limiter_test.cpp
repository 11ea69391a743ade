#include "policy/limiter.hpp"

#include <catch2/catch.hpp>

#include <deque>
#include <random>

using namespace echelon::policy;
using namespace std::chrono_literals;

namespace {
const time_point t0{1000h};
}

TEST_CASE("a token bucket starts full, drains, and refills one token at its rate", "[limiter]") {
  token_bucket x{{5, 2'000'000}, t0}; // 2 tokens a second
  for (int i = 0; i < 5; ++i)
    CHECK(x.try_take(t0) == 0ns);
  CHECK(x.try_take(t0) == 500ms);
  CHECK(x.try_take(t0 + 499ms) == 1ms);
  CHECK(x.try_take(t0 + 500ms) == 0ns);
  CHECK(x.available(t0 + 1h) == 5);
}

TEST_CASE("RATE.3 fractions of tokens add up, however often the bucket is asked", "[limiter]") {
  token_bucket x{{5, 1'000'000}, t0};
  for (int i = 0; i < 5; ++i)
    REQUIRE(x.try_take(t0) == 0ns);
  int admitted = 0;
  for (auto t = 50ms; t <= 6000ms; t += 50ms)
    admitted += x.try_take(t0 + t) == 0ns ? 1 : 0;
  CHECK(admitted == 6);
}

TEST_CASE("a bucket of 16.67 tokens a second gives exactly 1667 in 100 seconds", "[limiter]") {
  token_bucket x{{1000, 16'670'000}, t0};
  for (int i = 0; i < 1000; ++i)
    REQUIRE(x.try_take(t0) == 0ns);
  int admitted = 0;
  for (auto t = 1ms; t <= 100s; t += 1ms)
    admitted += x.try_take(t0 + t) == 0ns ? 1 : 0;
  CHECK(admitted == 1667);
}

TEST_CASE("a clock that goes back gives nothing and takes nothing", "[limiter]") {
  token_bucket x{{2, 1'000'000}, t0};
  REQUIRE(x.try_take(t0) == 0ns);
  CHECK(x.try_take(t0 - 1h) == 0ns);
  CHECK(x.try_take(t0) == 1s);
}

TEST_CASE("a refund never lifts a bucket above its size", "[limiter]") {
  token_bucket x{{2, 1'000'000}, t0};
  x.refund();
  CHECK(x.available(t0) == 2);
}

TEST_CASE("RELOAD.2 a smaller bucket keeps no more than its size and refills on", "[limiter]") {
  token_bucket x{{1000, 1'000'000}, t0};
  x.apply({5, 1'000'000}, t0);
  CHECK(x.available(t0) == 5);
  for (int i = 0; i < 5; ++i)
    REQUIRE(x.try_take(t0) == 0ns);
  CHECK(x.try_take(t0 + 1s) == 0ns);
}

TEST_CASE("RATE.2 a sliding window has no seam: a closed window holds at most its limit",
          "[limiter]") {
  sliding_window x{{60s, 100}};
  for (hold_id i = 0; i < 100; ++i)
    REQUIRE(x.try_take(i, 1, t0 + i * 100ms) == 0ns);
  CHECK(x.try_take(100, 1, t0 + 10s) == 50s + 1ns);
  CHECK(x.try_take(100, 1, t0 + 60s) == 1ns);
  CHECK(x.try_take(100, 1, t0 + 60s + 1ns) == 0ns);
}

TEST_CASE(
    "in any window of a random load no more than the limit is taken, and no less than could be",
    "[limiter][property]") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    std::mt19937_64 random{seed};
    const auto limit = static_cast<std::int64_t>(1 + random() % 20);
    sliding_window x{{2s, limit}};
    std::deque<time_point> taken;
    auto now = t0;
    for (hold_id i = 0; i < 500; ++i) {
      now += std::chrono::milliseconds{random() % 200};
      std::int64_t in_window = 0;
      for (auto t : taken)
        in_window += now - t <= 2s ? 1 : 0;
      const auto wait = x.try_take(i, 1, now);
      INFO("seed " << seed << " event " << i);
      REQUIRE((wait == 0ns) == (in_window < limit));
      if (wait == 0ns) {
        taken.push_back(now);
        if (random() % 10 == 0) {
          x.refund(i);
          taken.pop_back();
        }
      }
    }
  }
}

TEST_CASE("tokens are reserved by estimate and settled by real usage", "[limiter]") {
  sliding_window x{{60s, 1000}};
  REQUIRE(x.try_take(1, 800, t0) == 0ns);
  CHECK(x.try_take(2, 300, t0) > 0ns);
  x.settle(1, 500);
  CHECK(x.try_take(2, 300, t0) == 0ns);
  CHECK(x.used(t0) == 800);
}

TEST_CASE("one request larger than the whole window waits for an empty window", "[limiter]") {
  sliding_window x{{60s, 100}};
  CHECK(x.try_take(1, 500, t0) == 0ns);
  CHECK(x.try_take(2, 500, t0 + 1s) == 59s + 1ns);
  CHECK(x.try_take(2, 500, t0 + 60s + 1ns) == 0ns);
}
