#include "policy/gate.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <set>

using namespace echelon::policy;
using namespace std::chrono_literals;

namespace {

const time_point t0{1000h};

gate_settings limited(std::uint32_t permits, std::uint32_t queue) {
  gate_settings x;
  x.concurrency = concurrency_settings{permits, queue};
  return x;
}

waiter waiting(hold_id id) {
  return {id, 5, t0 + 1h, t0};
}

} // namespace

TEST_CASE("a gate takes permit and rate unit together or neither", "[gate]") {
  auto settings = limited(1, 0);
  settings.rate = sliding_window_settings{60s, 10};
  gate x{settings, t0};
  REQUIRE(x.admit({1, true, 0}, t0).admitted());
  CHECK(x.admit({2, true, 0}, t0).why == refusal::saturated);
  // The refused one has paid nothing.
  CHECK(x.snapshot(t0).rate_available == 9);
  x.release({1, outcome::neutral, true, -1, {}}, t0);
  CHECK(x.snapshot(t0).rate_available == 10);
  CHECK(x.snapshot(t0).permits_used == 0);
}

TEST_CASE("a refusal for tokens gives the rate unit back", "[gate]") {
  gate_settings settings;
  settings.rate = sliding_window_settings{60s, 10};
  settings.tokens = sliding_window_settings{60s, 100};
  gate x{settings, t0};
  REQUIRE(x.admit({1, true, 80}, t0).admitted());
  const auto refused = x.admit({2, true, 80}, t0);
  CHECK(refused.why == refusal::rate_limited);
  CHECK(refused.retry_after == 60s + 1ns);
  CHECK(x.snapshot(t0).rate_available == 9);
}

TEST_CASE("a freed permit is kept for the waiter, and nobody overtakes it", "[gate]") {
  gate x{limited(1, 5), t0};
  REQUIRE(x.admit({1, true, 0}, t0).admitted());
  CHECK(x.wait(waiting(2), t0).why == refusal::saturated);
  x.release({1, outcome::success, false, -1, {}}, t0);
  CHECK(x.woken(t0) == std::vector<hold_id>{2});
  CHECK(x.admit({3, true, 0}, t0).why == refusal::saturated);
  CHECK(x.admit({2, true, 0}, t0).admitted());
  CHECK(x.snapshot(t0).permits_used == 1);
}

TEST_CASE("a waiter that leaves gives up its place or its kept permit", "[gate]") {
  gate x{limited(1, 5), t0};
  REQUIRE(x.admit({1, true, 0}, t0).admitted());
  static_cast<void>(x.wait(waiting(2), t0));
  static_cast<void>(x.wait(waiting(3), t0));
  x.release({2, outcome::neutral, true, -1, {}}, t0);
  x.release({1, outcome::success, false, -1, {}}, t0);
  CHECK(x.woken(t0) == std::vector<hold_id>{3});
  x.release({3, outcome::neutral, true, -1, {}}, t0);
  CHECK(x.snapshot(t0).permits_used == 0);
  CHECK(x.snapshot(t0).waiting == 0);
}

TEST_CASE("RELOAD.2 a limit below what is in use lets nobody in until enough have left", "[gate]") {
  gate x{limited(10, 0), t0};
  for (hold_id i = 1; i <= 8; ++i)
    REQUIRE(x.admit({i, true, 0}, t0).admitted());
  x.apply(limited(3, 0), t0);
  for (hold_id i = 1; i <= 5; ++i) {
    CHECK_FALSE(x.admit({100, true, 0}, t0).admitted());
    x.release({i, outcome::success, false, -1, {}}, t0);
  }
  CHECK_FALSE(x.admit({100, true, 0}, t0).admitted());
  x.release({6, outcome::success, false, -1, {}}, t0);
  CHECK(x.admit({100, true, 0}, t0).admitted());
}

TEST_CASE("RELOAD.1 counts of the running window are kept when a limit changes", "[gate]") {
  gate_settings settings;
  settings.rate = sliding_window_settings{60s, 5};
  gate x{settings, t0};
  for (hold_id i = 1; i <= 5; ++i)
    REQUIRE(x.admit({i, true, 0}, t0).admitted());
  settings.rate = sliding_window_settings{60s, 50};
  for (int i = 0; i < 10; ++i)
    x.apply(settings, t0);
  CHECK(x.snapshot(t0).rate_available == 45);
}

TEST_CASE("whatever happens to a gate, permits in use never exceed the limit and none is leaked",
          "[gate][property]") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    std::mt19937_64 random{seed};
    const auto limit = static_cast<std::uint32_t>(1 + random() % 4);
    auto settings = limited(limit, static_cast<std::uint32_t>(random() % 4));
    settings.rate = sliding_window_settings{1s, 5};
    settings.breaker = {3, 1s, 1};
    gate x{settings, t0};
    std::set<hold_id> held, waits, tickets;
    auto now = t0;
    for (hold_id id = 1; id < 400; ++id) {
      now += std::chrono::milliseconds{random() % 300};
      const auto admit = [&](hold_id who) {
        if (x.admit({who, true, 0}, now).admitted()) held.insert(who);
      };
      switch (random() % 4) {
      case 0: admit(id); break;
      case 1: {
        const auto verdict = x.wait({id, 5, now + std::chrono::seconds{random() % 20}, now}, now);
        if (verdict.why == refusal::none) tickets.insert(id);
        if (verdict.why == refusal::saturated) waits.insert(id);
        break;
      }
      case 2:
        if (!held.empty()) {
          const auto who = *held.begin();
          held.erase(held.begin());
          x.release({who, static_cast<outcome>(random() % 3), random() % 2 == 0, -1, {}}, now);
        }
        break;
      default:
        if (!tickets.empty()) {
          const auto who = *tickets.begin();
          tickets.erase(tickets.begin());
          admit(who);
        }
      }
      for (auto who : x.woken(now)) {
        REQUIRE(waits.erase(who) == 1);
        tickets.insert(who);
      }
      const auto s = x.snapshot(now);
      INFO("seed " << seed << " step " << id);
      REQUIRE(s.permits_used <= limit);
      REQUIRE(s.permits_used == static_cast<std::int64_t>(held.size() + tickets.size()));
    }
    for (auto who : held)
      x.release({who, outcome::neutral, false, -1, {}}, now);
    for (auto who : tickets)
      x.release({who, outcome::neutral, true, -1, {}}, now);
    for (auto who : waits)
      x.release({who, outcome::neutral, true, -1, {}}, now);
    CHECK(x.snapshot(now).permits_used == 0);
    CHECK(x.snapshot(now).waiting == 0);
  }
}

TEST_CASE("who asks again does not wait any more: no permit is kept for it later", "[gate]") {
  gate x{limited(1, 5), t0};
  REQUIRE(x.admit({1, true, 0}, t0).admitted());
  CHECK(x.wait(waiting(2), t0).why == refusal::saturated);
  CHECK(x.admit({2, true, 0}, t0).why == refusal::saturated); // Woken by something else.
  x.release({1, outcome::success, false, -1, {}}, t0);
  CHECK(x.woken(t0).empty());
  CHECK(x.snapshot(t0).permits_used == 0);
}

TEST_CASE("what a gate remembers goes over to another node, to the unit", "[gate]") {
  auto settings = limited(3, 5);
  settings.rate = sliding_window_settings{60s, 10};
  settings.tokens = sliding_window_settings{60s, 1000};
  settings.breaker = {2, 10s, 1};
  gate old{settings, t0};
  REQUIRE(old.admit({1, true, 100}, t0).admitted());
  REQUIRE(old.admit({2, true, 100}, t0 + 1s).admitted());
  old.release({2, outcome::failure, false, 50, {}}, t0 + 2s);
  const auto memory = old.save(t0 + 3s);
  const time_point elsewhere{5000h}; // Another clock.
  gate fresh{settings, elsewhere};
  fresh.load(memory, elsewhere);
  auto x = fresh.snapshot(elsewhere);
  CHECK(x.permits_used == 1);
  CHECK(x.rate_available == 8);
  CHECK(x.tokens_used == 150);
  CHECK(x.failures == 1);
  // The window goes on: the first unit is 3 s old.
  CHECK(fresh.snapshot(elsewhere + 57s + 1ns).rate_available == 9);
  fresh.release({1, outcome::failure, false, 100, {}}, elsewhere);
  CHECK(fresh.snapshot(elsewhere).breaker == breaker_state::open);
}

TEST_CASE("after a loss everything counts as spent that nobody knows to be left", "[gate]") {
  auto settings = limited(3, 5);
  settings.rate = sliding_window_settings{60s, 10};
  gate x{settings, t0};
  x.rebuild({7, 8}, {{7, 0, std::int64_t{20'000'000'000}}, {5, 0, std::int64_t{50'000'000'000}}},
            {}, {}, t0);
  CHECK(x.snapshot(t0).permits_used == 2);
  CHECK(x.snapshot(t0).rate_available == 0);
  CHECK(x.snapshot(t0 + 10s + 1ns).rate_available == 1); // The one that was 50 s old.
  CHECK(x.snapshot(t0 + 40s + 1ns).rate_available == 2);
  CHECK(x.snapshot(t0 + 60s + 1ns).rate_available == 10);
}

TEST_CASE("holds that their gateway has forgotten are dropped after a grace, others stay",
          "[gate]") {
  const auto id = [](std::uint64_t gateway, std::uint64_t n) { return (gateway << 40U) | n; };
  gate x{limited(5, 0), t0};
  for (const auto hold : {id(1, 1), id(1, 2), id(2, 3)})
    REQUIRE(x.admit({hold, true, 0}, t0).admitted());
  x.reconcile(1, {id(1, 2)}, 5s, t0 + 5s);
  CHECK(x.snapshot(t0).permits_used == 3); // Its word may be on its way.
  x.reconcile(1, {id(1, 2)}, 5s, t0 + 6s);
  CHECK(x.snapshot(t0).permits_used == 2);
  CHECK(x.holds(id(1, 2)));
  CHECK(x.holds(id(2, 3)));
}

TEST_CASE("holds of gateways that are out are dropped in time, whoever they were", "[gate]") {
  gate x{limited(5, 0), t0};
  const auto of = [](std::uint32_t gateway) { return (hold_id{gateway} << 40U) | 1U; };
  REQUIRE(x.admit({of(1), true, 0}, t0).admitted());
  REQUIRE(x.admit({of(2), true, 0}, t0).admitted());
  x.drop_absent({1}, 10s, t0 + 10s);
  CHECK(x.snapshot(t0 + 10s).permits_used == 2);
  x.drop_absent({1}, 10s, t0 + 10s + 1ns);
  CHECK(x.holds(of(1)));
  CHECK_FALSE(x.holds(of(2)));
}

TEST_CASE("who asks again under its id while a probe of its own is out does not keep the slot",
          "[gate]") {
  gate_settings settings;
  settings.breaker = {1, 2s, 1};
  gate x{settings, t0};
  REQUIRE(x.admit({1, true, 0}, t0).admitted());
  x.release({1, outcome::failure, false, -1, {}}, t0);
  const auto later = t0 + 3s;
  REQUIRE(x.admit({2, true, 0}, later).admitted());
  // Its release was lost, and it asks again: refused while the slot is taken, or let through anew.
  static_cast<void>(x.admit({2, true, 0}, later));
  x.release({2, outcome::success, false, -1, {}}, later);
  CHECK(x.admit({3, true, 0}, later).admitted());
}
