#include "policy/retry_budget.hpp"

#include <catch2/catch.hpp>

#include <deque>
#include <random>

using namespace echelon::policy;
using namespace std::chrono_literals;

namespace {

const time_point t0{1000h};

int taken(retry_budget& x, time_point now, int tries = 10000) {
  int n = 0;
  for (int i = 0; i < tries; ++i)
    if (x.take(now)) ++n;
  return n;
}

} // namespace

TEST_CASE("few requests have the least number of retries, many a fifth of theirs", "[budget]") {
  retry_budget x{{20, 20}};
  CHECK(taken(x, t0) == 20);
  for (int i = 0; i < 1000; ++i)
    x.begin(t0);
  CHECK(taken(x, t0) == 180); // 200 in all.
  CHECK(taken(x, t0 + 9s) == 0);
  CHECK(taken(x, t0 + 10s) == 20); // Those ten seconds are over, requests and retries.
}

TEST_CASE("a budget of nothing allows no retry, a reload changes it", "[budget]") {
  retry_budget x{{0, 0}};
  x.begin(t0);
  CHECK_FALSE(x.take(t0));
  x.apply({100, 0});
  CHECK(x.take(t0));
  CHECK_FALSE(x.take(t0));
}

TEST_CASE("a retry budget agrees with one that remembers every request", "[budget]") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random{seed};
    const auto pick = [&](int n) { return std::uniform_int_distribution<int>{0, n}(random); };
    const retry_budget_settings settings{static_cast<std::uint32_t>(pick(100)),
                                         static_cast<std::uint32_t>(pick(5))};
    retry_budget x{settings};
    std::deque<std::int64_t> requests, retries; // Their whole seconds.
    auto now = t0;
    for (int i = 0; i < 500; ++i) {
      now += std::chrono::milliseconds{pick(300)};
      const auto second = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
      for (auto* list : {&requests, &retries})
        while (!list->empty() && list->front() <= second - 10)
          list->pop_front();
      if (pick(1) == 0) {
        x.begin(now);
        requests.push_back(second);
        continue;
      }
      const auto most =
          std::max<std::size_t>(settings.min_retries, requests.size() * settings.percent / 100);
      const bool may = retries.size() < most;
      CHECK(x.take(now) == may);
      if (may) retries.push_back(second);
    }
  }
}
