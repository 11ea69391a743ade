#include "policy/ceiling.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <random>
#include <vector>

using namespace echelon::policy;

namespace {

ceiling of(std::int64_t limit) {
  ceiling x;
  x.set_limit(limit);
  return x;
}

} // namespace

TEST_CASE("a call begins when its ceiling is known, not when it is told", "[ceiling]") {
  auto x = of(10);
  x.add();
  CHECK_FALSE(x.may_begin());
  CHECK(x.tell() == 2); // One, and a quarter more, rounded up.
  CHECK_FALSE(x.may_begin());
  x.known();
  REQUIRE(x.may_begin());
  x.begin();
  x.add();
  REQUIRE(x.may_begin());
  x.begin();
  x.add();
  CHECK_FALSE(x.may_begin());
  CHECK(x.tell() == 4);
  CHECK_FALSE(x.may_begin());
  x.known();
  CHECK(x.may_begin());
}

TEST_CASE("nothing need be told beyond the limit, or when nobody wants anything for a while",
          "[ceiling]") {
  auto x = of(4);
  for (int i = 0; i < 4; ++i)
    x.add();
  CHECK(x.wish() == 4);
  for (int i = 0; i < 4; ++i)
    x.end(false);
  std::vector<std::int64_t> wishes;
  for (int second = 0; second < 4; ++second) {
    x.fade();
    wishes.push_back(x.wish());
  }
  CHECK(wishes == std::vector<std::int64_t>{4, 3, 2, 0}); // Peaks of 3, 2, 1 and 0.
}

TEST_CASE("a lower ceiling binds as soon as it is told, and what runs is never above it",
          "[ceiling]") {
  auto x = of(10);
  for (int i = 0; i < 4; ++i)
    x.add();
  static_cast<void>(x.tell());
  x.known();
  for (int i = 0; i < 3; ++i)
    x.begin();
  x.end(false); // One went before it began.
  for (int second = 0; second < 5; ++second)
    x.fade();
  CHECK(x.tell() == 4); // For the 3 that run.
  x.set_limit(2);
  CHECK(x.tell() == 3);
  CHECK_FALSE(x.may_begin());
}

TEST_CASE("when those who knew may be gone nothing begins before others know", "[ceiling]") {
  auto x = of(10);
  x.add();
  static_cast<void>(x.tell());
  x.known();
  x.forget();
  CHECK_FALSE(x.may_begin());
  static_cast<void>(x.tell());
  CHECK_FALSE(x.may_begin());
  x.known();
  CHECK(x.may_begin());
}

TEST_CASE("whatever happens, no more run than anybody may go by who was told", "[ceiling]") {
  std::mt19937_64 random{7};
  const auto one_in = [&](int n) { return std::uniform_int_distribution<int>{1, n}(random) == 1; };
  std::size_t begun = 0;
  for (int run = 0; run < 200; ++run) {
    auto x = of(std::uniform_int_distribution<int>{1, 12}(random));
    std::vector<std::int64_t> told{0}; // The last one that enough know, and all after it.
    std::int64_t waiting = 0, running = 0;
    for (int step = 0; step < 300; ++step) {
      if (one_in(3)) {
        x.add();
        ++waiting;
      }
      if (one_in(4) && waiting + running > 0) {
        const bool of_running = running > 0 && (waiting == 0 || one_in(2));
        x.end(of_running);
        --(of_running ? running : waiting);
      }
      if (one_in(5)) told.push_back(x.tell());
      if (one_in(6)) {
        x.known();
        told.erase(told.begin(), std::prev(told.end()));
      }
      if (one_in(20)) x.fade();
      while (waiting > 0 && x.may_begin()) {
        x.begin();
        --waiting;
        ++running;
        ++begun;
      }
      REQUIRE(running <= *std::min_element(told.begin(), told.end()));
    }
  }
  CHECK(begun > 1000);
}
