#include "policy/gate.hpp"
#include "policy/share.hpp"

#include <catch2/catch.hpp>

namespace echelon::policy {
namespace {

using namespace std::chrono_literals;

const time_point t0{1000h};

/// One actor with these limits, as a part of the cluster has it.
gate_settings part_of(gate_settings whole, share part) {
  topology x;
  x.actors[1].gate = std::move(whole);
  return scaled(std::make_shared<topology>(std::move(x)), part)->actors.at(1).gate;
}

gate_settings all_limits() {
  gate_settings x;
  x.concurrency = concurrency_settings{10, 7};
  x.rate = sliding_window_settings{60s, 100};
  x.tokens = sliding_window_settings{60s, 1001};
  return x;
}

} // namespace

TEST_CASE("a share of each limit is rounded down, and the shares of all sides never exceed it",
          "[share]") {
  const auto two = part_of(all_limits(), {2, 3});
  CHECK(two.concurrency == concurrency_settings{6, 7});
  CHECK(std::get<sliding_window_settings>(*two.rate).max_units == 66);
  CHECK(two.tokens->max_units == 667);
  CHECK(part_of(all_limits(), {3, 3}) == all_limits());
  gate_settings bucket;
  bucket.rate = token_bucket_settings{10, 1'000'001};
  CHECK(std::get<token_bucket_settings>(*part_of(bucket, {1, 3}).rate)
        == token_bucket_settings{3, 333'333});
  for (std::uint32_t limit = 1; limit < 40; ++limit)
    for (std::size_t n = 2; n < 8; ++n) {
      gate_settings x;
      x.concurrency = concurrency_settings{limit, 0};
      std::uint32_t sum = 0;
      for (std::size_t i = 0; i < n; ++i)
        sum += part_of(x, {1, n}).concurrency->limit;
      CHECK(sum <= limit);
    }
}

TEST_CASE("a share that rounds to zero refuses and lets nobody wait", "[share]") {
  gate_settings one;
  SECTION("permits") {
    one.concurrency = concurrency_settings{2, 5};
    gate x{part_of(one, {1, 3}), t0};
    CHECK(x.admit({1, true, 0}, t0).why == refusal::saturated);
    CHECK(x.wait({1, 5, t0 + 1s, t0}, t0).why == refusal::queue_full);
  }
  SECTION("a window") {
    one.rate = sliding_window_settings{60s, 2};
    gate x{part_of(one, {1, 3}), t0};
    CHECK(x.admit({1, true, 0}, t0).why == refusal::rate_limited);
    CHECK(x.admit({1, true, 0}, t0).retry_after == 60s);
  }
  SECTION("tokens, however many are asked for") {
    one.tokens = sliding_window_settings{60s, 2};
    gate x{part_of(one, {1, 3}), t0};
    CHECK(x.admit({1, true, 1}, t0).why == refusal::rate_limited);
    CHECK(x.admit({1, true, 100}, t0).why == refusal::rate_limited);
  }
  SECTION("a bucket, by its size or by its refill") {
    one.rate = GENERATE(token_bucket_settings{2, 1'000'000}, token_bucket_settings{300, 2});
    gate x{part_of(one, {1, 3}), t0};
    CHECK(x.admit({1, true, 0}, t0).why == refusal::rate_limited);
    CHECK(x.admit({1, true, 0}, t0 + 1h).why == refusal::rate_limited);
  }
}

TEST_CASE("of the breakers of several sides the strictest goes on", "[share]") {
  gate_settings settings;
  settings.breaker = {2, 30s, 1};
  breaker_memory open, half, failed;
  open.state = static_cast<std::uint8_t>(breaker_state::open);
  open.open_for_ns = duration{20s}.count();
  half.state = static_cast<std::uint8_t>(breaker_state::half_open);
  half.probes = 1;
  failed.failures = 1;
  failed.benched_for_ns = duration{5s}.count();
  const auto rebuilt = [&](const std::vector<breaker_memory>& from) {
    gate x{settings, t0};
    x.rebuild({}, {}, from, {}, t0);
    return x;
  };
  CHECK(rebuilt({half, open, failed}).snapshot(t0).breaker == breaker_state::open);
  CHECK(rebuilt({half, open}).snapshot(t0).breaker_wait == 20s);
  CHECK(rebuilt({half, failed}).snapshot(t0).breaker == breaker_state::half_open);
  CHECK(rebuilt({half, failed}).snapshot(t0).benched);
  // A probe of the other side is not waited for.
  CHECK(rebuilt({half}).admit({1, true, 0}, t0).admitted());
  CHECK(rebuilt({failed, {}}).snapshot(t0).failures == 1);
  CHECK(rebuilt({{}, {}}).snapshot(t0).breaker == breaker_state::closed);
}

} // namespace echelon::policy
