#include "cli/bench/histogram.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

using echelon::cli::histogram;
using std::chrono::nanoseconds;

TEST_CASE("an empty histogram is all zero", "[bench]") {
  const histogram uut;
  CHECK(uut.count() == 0);
  CHECK(uut.max() == nanoseconds{0});
  CHECK(uut.mean() == nanoseconds{0});
  CHECK(uut.quantile(0.5) == nanoseconds{0});
}

TEST_CASE("small durations are counted exactly", "[bench]") {
  histogram uut;
  for (int i = 1; i <= 200; ++i)
    uut.add(nanoseconds{i});
  CHECK(uut.count() == 200);
  CHECK(uut.quantile(0.5) == nanoseconds{100});
  CHECK(uut.quantile(0.99) == nanoseconds{198});
  CHECK(uut.quantile(0) == nanoseconds{1});
  CHECK(uut.quantile(1) == nanoseconds{200});
  CHECK(uut.max() == nanoseconds{200});
  CHECK(uut.mean() == nanoseconds{101}); // 100.5
}

TEST_CASE("quantiles are those of the sorted durations, never less and at most 1/128 more",
          "[bench]") {
  std::mt19937_64 random{7};
  std::lognormal_distribution<double> spread{15, 3};
  histogram uut;
  std::vector<std::int64_t> all;
  for (int i = 0; i < 20000; ++i) {
    all.push_back(static_cast<std::int64_t>(spread(random)));
    uut.add(nanoseconds{all.back()});
  }
  std::sort(all.begin(), all.end());
  for (const double q : {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(all.size())));
    const auto exact = all[std::max<std::size_t>(rank, 1) - 1];
    const auto found = uut.quantile(q).count();
    INFO(q << ": " << exact << ", found " << found);
    CHECK(found >= exact);
    CHECK(found - exact <= exact / 128);
  }
  CHECK(uut.max().count() == all.back());
}

TEST_CASE("the ends of the scale have their bins", "[bench]") {
  histogram uut;
  uut.add(nanoseconds{-5});
  CHECK(uut.quantile(1) == nanoseconds{0});
  const nanoseconds longest{std::numeric_limits<std::int64_t>::max()};
  uut.add(longest);
  CHECK(uut.quantile(1) == longest);
  for (int bit = 0; bit < 63; ++bit)
    for (const int beside : {-1, 0, 1}) {
      histogram one;
      const nanoseconds x{(std::int64_t{1} << bit) + beside};
      one.add(x);
      CHECK(one.quantile(0.5) == x);
    }
}
