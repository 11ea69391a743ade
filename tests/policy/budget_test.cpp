#include "policy/budget.hpp"

#include "policy/memory.hpp"

#include <catch2/catch.hpp>

using namespace echelon::policy;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t hour = 3'600'000;
// 2027-01-31, 12:00 UTC.
constexpr std::int64_t day = 20849, noon = (day * 24 + 12) * hour;

money_ask ask(std::int64_t money, std::int64_t wall_ms = noon) {
  return {money, wall_ms, 0, 0, 0};
}

} // namespace

TEST_CASE("a budget is never overrun by what is reserved, and settles what was spent") {
  budget x{{10, 0}};
  CHECK(x.try_reserve(1, ask(6)) == 0ns);
  CHECK(x.try_reserve(2, ask(4)) == 0ns);
  CHECK(x.try_reserve(3, ask(1)) == 12h);
  x.settle(1, 3);
  CHECK(x.today() == 3);
  CHECK(x.reserved() == 4);
  CHECK(x.try_reserve(3, ask(3)) == 0ns);
  x.settle(2, -1); // Nobody knows: the reserve stands.
  CHECK(x.today() == 7);
  x.settle(3, 0);
  CHECK(x.reserved() == 0);
  CHECK(x.try_reserve(4, ask(3)) == 0ns);
  CHECK(x.try_reserve(5, ask(1)) > 0ns);
}

TEST_CASE("an id that asks again reserves once") {
  budget x{{10, 0}};
  CHECK(x.try_reserve(1, ask(6)) == 0ns);
  CHECK(x.try_reserve(1, ask(8)) == 0ns);
  CHECK(x.reserved() == 8);
}

TEST_CASE("days and months begin anew at midnight, UTC") {
  budget x{{10, 15}};
  CHECK(x.try_reserve(1, ask(10, noon - 24 * hour)) == 0ns);
  x.settle(1, 10);
  CHECK(x.try_reserve(2, ask(1, noon - 24 * hour)) == 12h);
  CHECK(x.try_reserve(2, ask(5)) == 0ns);
  x.settle(2, 5);
  CHECK(x.month() == 15);
  CHECK(x.try_reserve(3, ask(1)) == 12h); // The 31st: the month ends with the day.
  CHECK(x.try_reserve(3, ask(10, noon + 12 * hour)) == 0ns);
  CHECK(x.month() == 0);
  CHECK(x.try_reserve(4, ask(1, noon)) > 0ns); // A gateway whose clock is behind opens nothing.
}

TEST_CASE("the wait for a month is as long as what is left of it") {
  budget x{{0, 10}};
  CHECK(x.try_reserve(1, ask(11, noon - 30 * 24 * hour)) == 30 * 24h + 12h);
}

TEST_CASE("what the store knows counts, once") {
  budget x{{10, 20}};
  CHECK(x.try_reserve(1, {3, noon, day, 8, 17}) == 12h);
  CHECK(x.try_reserve(1, {2, noon, day, 8, 17}) == 0ns);
  x.settle(1, 2);
  CHECK(x.today() == 10);
  CHECK(x.month() == 19);
  CHECK(x.try_reserve(2, {1, noon, day, 9, 18}) > 0ns); // It lags behind.
  CHECK(x.today() == 10);
  // What it knew of yesterday is of this month, not of today.
  budget y{{10, 20}};
  CHECK(y.try_reserve(1, {10, noon, day - 1, 9, 9}) == 0ns);
  CHECK(y.today() == 0);
  CHECK(y.month() == 9);
}

TEST_CASE("a budget is taken over with its reserves") {
  budget x{{10, 20}};
  CHECK(x.try_reserve(1, ask(4)) == 0ns);
  CHECK(x.try_reserve(2, ask(4)) == 0ns);
  x.settle(1, 3);
  budget y{{10, 20}};
  y.load(x.save());
  CHECK(y.save() == x.save());
  CHECK(y.try_reserve(3, ask(4)) > 0ns);
  y.settle(2, 1);
  CHECK(y.today() == 4);
}
