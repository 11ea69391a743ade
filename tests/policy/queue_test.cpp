#include "policy/queue.hpp"

#include <catch2/catch.hpp>

using namespace echelon::policy;
using namespace std::chrono_literals;

namespace {

const time_point t0{1000h};

waiter of(hold_id id, std::uint8_t priority, duration deadline, duration since = 0ns) {
  return {id, priority, t0 + deadline, t0 + since};
}

std::vector<hold_id> drain(admission_queue& x, time_point now) {
  std::vector<hold_id> found;
  while (const auto w = x.pop(now))
    found.push_back(w->id);
  return found;
}

} // namespace

TEST_CASE("the earliest deadline goes first within a priority, priority 0 before 9", "[queue]") {
  admission_queue x{10};
  REQUIRE(x.push(of(1, 5, 30s), t0));
  REQUIRE(x.push(of(2, 5, 10s), t0));
  REQUIRE(x.push(of(3, 0, 60s), t0));
  REQUIRE(x.push(of(4, 9, 1s), t0));
  REQUIRE(x.push(of(5, 5, 10s, 1ms), t0));
  CHECK(drain(x, t0) == std::vector<hold_id>{3, 2, 5, 1, 4});
}

TEST_CASE("SLOTS.4 a full queue refuses, and waiters whose deadline passed make room", "[queue]") {
  admission_queue x{2};
  REQUIRE(x.push(of(1, 5, 1s), t0));
  REQUIRE(x.push(of(2, 5, 9s), t0));
  CHECK_FALSE(x.push(of(3, 0, 9s), t0));
  CHECK(x.push(of(3, 5, 9s), t0 + 1s));
  CHECK(drain(x, t0 + 1s) == std::vector<hold_id>{2, 3});
}

TEST_CASE("SLOTS.3 a waiter that gave up is out of the queue", "[queue]") {
  admission_queue x{2};
  REQUIRE(x.push(of(1, 5, 9s), t0));
  CHECK(x.remove(1));
  CHECK_FALSE(x.remove(1));
  CHECK(x.size() == 0);
  CHECK_FALSE(x.pop(t0));
}

TEST_CASE("a low priority that waits long enough goes before a fresh high one", "[queue]") {
  admission_queue x{10};
  REQUIRE(x.push(of(1, 9, 600s), t0));
  REQUIRE(x.push(of(2, 0, 600s, 50s), t0 + 50s));
  CHECK(drain(x, t0 + 50s) == std::vector<hold_id>{1, 2});
}

TEST_CASE("a queue of size 0 takes nobody", "[queue]") {
  admission_queue x{0};
  CHECK_FALSE(x.push(of(1, 5, 9s), t0));
}
