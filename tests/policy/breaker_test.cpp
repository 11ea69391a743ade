#include "policy/breaker.hpp"

#include <catch2/catch.hpp>

using namespace echelon::policy;
using namespace std::chrono_literals;

namespace {

const time_point t0{1000h};

void request(breaker& x, outcome result, time_point now) {
  REQUIRE(x.wait(now) == 0ns);
  x.report(x.pass(now), result, now);
}

} // namespace

TEST_CASE("BREAKER.4 it opens at the threshold, not before", "[breaker]") {
  breaker x{{5, 2s, 1}};
  for (int i = 0; i < 4; ++i)
    request(x, outcome::failure, t0);
  CHECK(x.state(t0) == breaker_state::closed);
  request(x, outcome::failure, t0);
  CHECK(x.state(t0) == breaker_state::open);
  CHECK(x.wait(t0) == 2s);
  CHECK(x.wait(t0 + 500ms) == 1500ms);
}

TEST_CASE("BREAKER.5 a success forgets old failures", "[breaker]") {
  breaker x{{3, 2s, 1}};
  for (int round = 0; round < 10; ++round) {
    request(x, outcome::failure, t0);
    request(x, outcome::failure, t0);
    request(x, outcome::success, t0);
  }
  CHECK(x.state(t0) == breaker_state::closed);
}

TEST_CASE("BREAKER.2 half-open lets through exactly the probes it may", "[breaker]") {
  for (std::uint32_t probes : {1U, 3U}) {
    breaker x{{1, 1s, probes}};
    request(x, outcome::failure, t0);
    const auto later = t0 + 1200ms;
    std::uint32_t admitted = 0;
    for (int i = 0; i < 50; ++i)
      if (x.wait(later) == 0ns) {
        static_cast<void>(x.pass(later));
        ++admitted;
      }
    CHECK(admitted == probes);
  }
}

TEST_CASE(
    "BREAKER.9 it closes after that many successes, and one failure reopens it for the whole time",
    "[breaker]") {
  breaker x{{1, 1s, 3}};
  request(x, outcome::failure, t0);
  const auto later = t0 + 1s;
  request(x, outcome::success, later);
  request(x, outcome::success, later);
  CHECK(x.state(later) == breaker_state::half_open);
  request(x, outcome::success, later);
  CHECK(x.state(later) == breaker_state::closed);

  request(x, outcome::failure, later);
  request(x, outcome::success, later + 1s);
  request(x, outcome::failure, later + 1s);
  CHECK(x.wait(later + 1s) == 1s);
  // The earlier success is not carried over.
  const auto again = later + 2s;
  request(x, outcome::success, again);
  request(x, outcome::success, again);
  CHECK(x.state(again) == breaker_state::half_open);
}

TEST_CASE("BREAKER.1 a probe that ends without a verdict gives its slot back", "[breaker]") {
  breaker x{{1, 1s, 1}};
  request(x, outcome::failure, t0);
  const auto later = t0 + 1s;
  const auto probe = x.pass(later);
  CHECK(x.wait(later) > 0ns);
  x.report(probe, outcome::neutral, later);
  CHECK(x.wait(later) == 0ns);
}

TEST_CASE("an outcome from before the last state change counts for nothing", "[breaker]") {
  breaker x{{1, 1s, 1}};
  const auto slow = x.pass(t0);
  request(x, outcome::failure, t0);
  request(x, outcome::success, t0 + 1s);
  REQUIRE(x.state(t0 + 1s) == breaker_state::closed);
  x.report(slow, outcome::failure, t0 + 2s);
  CHECK(x.state(t0 + 2s) == breaker_state::closed);
}

TEST_CASE("BREAKER.6 of two benches the later end wins, and neither is a failure", "[breaker]") {
  breaker x{{1, 1s, 1}};
  x.bench(t0 + 4s);
  x.bench(t0 + 1s);
  CHECK(x.wait(t0) == 4s);
  CHECK(x.benched(t0 + 3999ms));
  CHECK(x.wait(t0 + 4s) == 0ns);
  CHECK(x.state(t0 + 4s) == breaker_state::closed);
}
