#include "policy/gate.hpp"
#include "policy/lease.hpp"

#include <catch2/catch.hpp>

using namespace echelon::policy;
using namespace std::chrono_literals;

namespace {

const time_point t0{1000h};
constexpr duration grace = 10s;

gate_settings limits(std::uint32_t permits, std::int64_t per_minute) {
  gate_settings x;
  if (permits > 0) x.concurrency = concurrency_settings{permits, 10};
  if (per_minute > 0) x.rate = sliding_window_settings{60s, per_minute};
  x.breaker = {1, 10s, 1};
  return x;
}

/// A gateway of another node with its claims answered at once.
struct borrower {
  explicit borrower(std::uint32_t t) : tag(t) {}
  std::uint32_t tag;
  lease_account account{t0};

  lease_terms ask(gate& of, time_point now) {
    auto x = account.claim(now);
    x.tag = tag;
    const auto terms = of.lend(x, true, grace, now);
    account.accept(terms, now);
    return terms;
  }
  bool start(hold_id id, time_point now) {
    if (!account.may_take(true, now)) return false;
    account.take(id, true, now);
    return true;
  }
  void give_back(gate& to, time_point now) {
    auto x = account.give_back(now);
    x.tag = tag;
    to.returned(x, now);
  }
};

hold_id id(std::uint32_t tag, std::uint32_t n) {
  return (hold_id{tag} << 40U) | n;
}

} // namespace

TEST_CASE(
    "the first claim gets what its demand asks for, and no more than a quarter of what is free",
    "[lease]") {
  gate x{limits(40, 100), t0};
  borrower b{7};
  CHECK_FALSE(b.start(id(7, 1), t0)); // Nothing yet: this one asks the actor.
  REQUIRE(b.account.due(t0));
  // One wish in the shortest span, 0.1 s, is 10 a second; with two more.
  auto terms = b.ask(x, t0);
  CHECK(terms.open);
  CHECK(terms.units == 12);
  // One at once, and one more.
  CHECK(terms.permits == 2);
  gate small{limits(7, 20), t0};
  borrower c{8};
  static_cast<void>(c.start(id(8, 1), t0));
  terms = c.ask(small, t0);
  CHECK(terms.units == 5);
  CHECK(terms.permits == 1);
}

TEST_CASE("what cannot be split is not lent", "[lease]") {
  gate x{limits(3, 3), t0};
  borrower b{7};
  static_cast<void>(b.start(id(7, 1), t0));
  const auto terms = b.ask(x, t0);
  CHECK(terms.units == 0);
  CHECK(terms.permits == 0);
  CHECK_FALSE(b.start(id(7, 2), t0));
  CHECK(x.admit({1, true, 0}, t0).admitted());
  CHECK(x.admit({2, true, 0}, t0).admitted());
  CHECK(x.admit({3, true, 0}, t0).admitted());
}

TEST_CASE("a lent unit counts as taken until it was used, and from then on for the window",
          "[lease]") {
  gate x{limits(0, 20), t0};
  borrower b{7};
  static_cast<void>(b.start(id(7, 1), t0));
  REQUIRE(b.ask(x, t0).units == 5);
  for (hold_id i = 1; i <= 15; ++i)
    REQUIRE(x.admit({i, true, 0}, t0).admitted());
  CHECK_FALSE(x.admit({16, true, 0}, t0).admitted());
  // One is used a second later, and told 0.4 s after that.
  REQUIRE(b.start(id(7, 2), t0 + 1s));
  auto terms = b.ask(x, t0 + 1400ms);
  CHECK(terms.units == 0);
  CHECK(b.account.idle() == 4);
  CHECK(x.snapshot(t0 + 1400ms).rate_available == 4);
  // A minute later the 15 are over; the used one is not, and the 4 are still lent.
  for (auto at = t0 + 2s; at < t0 + 60s; at += 1s) {
    static_cast<void>(b.account.may_take(true, at));
    static_cast<void>(b.ask(x, at));
  }
  b.give_back(x, t0 + 60s + 1ns);
  std::int64_t left = 0;
  while (x.admit({static_cast<hold_id>(100 + left), true, 0}, t0 + 60s + 1ns).admitted())
    ++left;
  CHECK(left == 19);
  CHECK_FALSE(x.admit({200, true, 0}, t0 + 61s).admitted());
  CHECK(x.admit({200, true, 0}, t0 + 61s + 1ns).admitted());
}

TEST_CASE("tokens are reserved of the lease and settled with what was really used", "[lease]") {
  auto settings = limits(0, 0);
  settings.tokens = sliding_window_settings{60s, 4000};
  gate x{settings, t0};
  borrower b{7};
  CHECK_FALSE(b.account.may_take(true, t0, 100));
  // 100 in 0.1 s are 1000 a second; and two such calls more. A quarter of 4000 is less.
  CHECK(b.ask(x, t0).tokens == 1000);
  REQUIRE(b.account.may_take(true, t0 + 1s, 300));
  b.account.take(id(7, 1), true, t0 + 1s, 300);
  CHECK(b.account.idle_tokens() == 700);
  REQUIRE(b.account.may_take(true, t0 + 1s, 500));
  b.account.take(id(7, 2), true, t0 + 1s, 500);
  CHECK_FALSE(b.account.may_take(true, t0 + 1s, 201));
  // The first call took 350, the second was never sent.
  static_cast<void>(b.account.release(id(7, 1), false, true, t0 + 2s, 350));
  static_cast<void>(b.account.release(id(7, 2), true, false, t0 + 2s));
  CHECK(b.account.idle_tokens() == 700);
  b.give_back(x, t0 + 2s);
  CHECK(x.lends_nothing());
  CHECK(x.snapshot(t0 + 2s).tokens_used == 350);
  // They count from when the call began.
  CHECK(x.snapshot(t0 + 61s).tokens_used == 350);
  CHECK(x.snapshot(t0 + 61s + 1ns).tokens_used == 0);
}

TEST_CASE("an attempt that never started gives its unit back to the lease", "[lease]") {
  gate x{limits(0, 20), t0};
  borrower b{7};
  static_cast<void>(b.start(id(7, 1), t0));
  REQUIRE(b.ask(x, t0).units == 5);
  REQUIRE(b.start(id(7, 2), t0));
  CHECK(b.account.idle() == 4);
  REQUIRE(b.account.release(id(7, 2), true, false, t0));
  CHECK(b.account.idle() == 5);
  b.give_back(x, t0);
  CHECK(x.snapshot(t0).rate_available == 20);
  CHECK(x.lends_nothing());
}

TEST_CASE("lent tokens stay in their bucket, set apart", "[lease]") {
  auto settings = limits(0, 0);
  settings.rate = token_bucket_settings{8, 1'000'000};
  gate x{settings, t0};
  borrower b{7};
  static_cast<void>(b.start(id(7, 1), t0));
  REQUIRE(b.ask(x, t0).units == 2);
  for (hold_id i = 1; i <= 6; ++i)
    REQUIRE(x.admit({i, true, 0}, t0).admitted());
  CHECK_FALSE(x.admit({7, true, 0}, t0).admitted());
  // The bucket fills up to 8 with the 2 that are lent among them.
  for (auto at = t0; at < t0 + 20s; at += 500ms) {
    static_cast<void>(b.account.may_take(true, at));
    auto claim = b.account.claim(at);
    claim.tag = 7;
    claim.want_units = 1; // It has enough.
    b.account.accept(x.lend(claim, true, grace, at), at);
  }
  std::int64_t left = 0;
  while (x.admit({static_cast<hold_id>(100 + left), true, 0}, t0 + 20s).admitted())
    ++left;
  CHECK(left == 6);
  CHECK(b.account.idle() == 2);
}

TEST_CASE("units of a borrower that is not heard are used, and its permits kept for a while",
          "[lease]") {
  gate x{limits(40, 100), t0};
  borrower b{7};
  static_cast<void>(b.start(id(7, 1), t0));
  REQUIRE(b.ask(x, t0).units == 12);
  REQUIRE(b.start(id(7, 2), t0));
  CHECK(x.snapshot(t0 + 3s).permits_used == 0); // Not told yet.
  x.expire_loans(t0 + 3s);
  CHECK(x.snapshot(t0 + 3s).rate_available == 100);
  x.expire_loans(t0 + 3s + 1ns);
  CHECK(x.snapshot(t0 + 3s + 1ns).rate_available == 88);
  CHECK(x.snapshot(t0 + 3s + 1ns).permits_used == 2);
  x.expire_loans(t0 + 13s + 1ns);
  CHECK(x.snapshot(t0 + 13s + 1ns).permits_used == 0);
  CHECK(x.snapshot(t0 + 63s).rate_available == 88);
  CHECK(x.snapshot(t0 + 63s + 2ns).rate_available == 100);
  // It was alive: what it says it has is void, and it starts anew.
  CHECK_FALSE(b.start(id(7, 3), t0 + 13s + 2ns));
  CHECK(b.ask(x, t0 + 13s + 2ns).lost);
  CHECK(b.account.idle() == 0);
  CHECK_FALSE(b.start(id(7, 3), t0 + 14s));
  CHECK(b.ask(x, t0 + 14s).open);
  CHECK(b.start(id(7, 3), t0 + 14s));
}

TEST_CASE("holds that nobody knows of are named once they are old enough", "[lease]") {
  gate x{limits(40, 100), t0};
  borrower b{7};
  static_cast<void>(b.start(id(7, 1), t0));
  REQUIRE(b.ask(x, t0).open);
  REQUIRE(b.start(id(7, 2), t0));
  REQUIRE(b.start(id(7, 3), t0 + 1s));
  CHECK(b.account.unknown({id(7, 2)}, t0 + 1s).empty());
  CHECK(b.account.unknown({id(7, 2)}, t0 + 1s + 1ns) == std::vector<hold_id>{id(7, 3)});
  CHECK(b.account.unknown({}, t0 + 1ns) == std::vector<hold_id>{id(7, 2)});
}

TEST_CASE("permits of a lost borrower are kept for as long as the heir was told", "[lease]") {
  gate x{limits(40, 100), t0};
  borrower b{7};
  static_cast<void>(b.start(id(7, 1), t0));
  REQUIRE(b.ask(x, t0).open);
  gate heir{limits(40, 100), t0};
  heir.set_grace(10s);
  heir.load(x.save(t0 + 1s), t0 + 1s);
  heir.expire_loans(t0 + 4s);
  CHECK(heir.snapshot(t0 + 4s).permits_used > 0);
  heir.expire_loans(t0 + 14s);
  CHECK(heir.snapshot(t0 + 14s).permits_used == 0);
}

TEST_CASE("a lease ends two seconds after it was asked for", "[lease]") {
  gate x{limits(40, 100), t0};
  borrower b{7};
  static_cast<void>(b.start(id(7, 1), t0));
  auto claim = b.account.claim(t0);
  claim.tag = 7;
  const auto terms = x.lend(claim, true, grace, t0 + 900ms);
  b.account.accept(terms, t0 + 950ms);
  CHECK(b.account.open(t0 + 2s - 1ns));
  CHECK_FALSE(b.account.open(t0 + 2s));
  CHECK_FALSE(b.start(id(7, 2), t0 + 2s));
}

TEST_CASE("an answer that comes after the next claim is none", "[lease]") {
  gate x{limits(40, 100), t0};
  borrower b{7};
  static_cast<void>(b.start(id(7, 1), t0));
  auto first = b.account.claim(t0);
  first.tag = 7;
  const auto late = x.lend(first, true, grace, t0);
  REQUIRE(b.ask(x, t0 + 1s).open);
  b.account.accept(late, t0 + 1s);
  // What the first answer brought is free again, not lent twice.
  CHECK(x.snapshot(t0 + 1s).loans.front().units == b.account.idle());
  CHECK_FALSE(x.lend(first, true, grace, t0 + 1s).open);
}

TEST_CASE("while somebody waits nothing is lent, and what ends goes back at once", "[lease]") {
  gate x{limits(8, 0), t0};
  borrower b{7};
  static_cast<void>(b.start(id(7, 1), t0));
  REQUIRE(b.ask(x, t0).permits == 2);
  REQUIRE(b.start(id(7, 2), t0));
  for (hold_id i = 1; i <= 6; ++i)
    REQUIRE(x.admit({i, true, 0}, t0).admitted());
  CHECK(x.short_of_lent({9, true, 0}, t0));
  REQUIRE(x.wait({9, 5, t0 + 1h, t0}, t0).why == refusal::saturated);
  CHECK(x.wants_back(t0));
  CHECK(x.recall(t0) == std::vector<std::uint32_t>{7});
  b.give_back(x, t0);
  CHECK(x.woken(t0) == std::vector<hold_id>{9});
  CHECK_FALSE(x.short_of_lent({10, true, 0}, t0));
  REQUIRE(x.wait({10, 5, t0 + 1h, t0}, t0).why == refusal::saturated);
  CHECK(x.recall(t0 + 1s).empty());
  static_cast<void>(b.account.release(id(7, 2), false, true, t0 + 1s));
  REQUIRE(b.account.due(t0 + 1s));
  CHECK_FALSE(b.ask(x, t0 + 1s).open);
  CHECK(x.woken(t0 + 1s) == std::vector<hold_id>{10});
}

TEST_CASE("no probe goes out while a borrower may start a call that is none", "[lease]") {
  gate x{limits(0, 0), t0};
  borrower b{7};
  static_cast<void>(b.start(id(7, 1), t0));
  REQUIRE(b.ask(x, t0).open);
  REQUIRE(b.start(id(7, 2), t0));
  REQUIRE(b.start(id(7, 3), t0));
  // Its failure opens the breaker.
  const auto epoch = b.account.release(id(7, 2), false, false, t0);
  REQUIRE(epoch);
  x.report_lent(*epoch, false, {id(7, 2), outcome::failure, false, -1, {}}, t0);
  CHECK(x.snapshot(t0).breaker == breaker_state::open);
  // Half-open, and the recall has not arrived. (It was heard all the while.)
  for (auto at = t0; at < t0 + 10s; at += 1s) {
    auto claim = b.account.claim(at);
    claim.tag = 7;
    claim.open = true;
    static_cast<void>(x.lend(claim, true, grace, at));
  }
  CHECK(x.breaker_wait(t0 + 10s) == 100ms);
  b.give_back(x, t0 + 10s);
  CHECK(x.breaker_wait(t0 + 10s) == 0ns);
  REQUIRE(x.admit({1, true, 0}, t0 + 10s).admitted());
  CHECK_FALSE(x.admit({2, true, 0}, t0 + 10s).admitted());
  // What was started before it opened says nothing about the probe.
  x.report_lent(*epoch, false, {id(7, 3), outcome::failure, false, -1, {}}, t0 + 10s);
  CHECK(x.snapshot(t0 + 10s).breaker == breaker_state::half_open);
  x.release({1, outcome::success, false, -1, {}}, t0 + 10s);
  CHECK(x.snapshot(t0 + 10s).breaker == breaker_state::closed);
}

TEST_CASE("successes by lease end a row of failures, in their order", "[lease]") {
  auto settings = limits(0, 0);
  settings.breaker.failure_threshold = 2;
  gate x{settings, t0};
  borrower b{7};
  static_cast<void>(b.start(id(7, 1), t0));
  REQUIRE(b.ask(x, t0).open);
  for (std::uint32_t i = 2; i <= 4; ++i)
    REQUIRE(b.start(id(7, i), t0));
  const auto fails = [&](std::uint32_t i) {
    const auto epoch = b.account.release(id(7, i), false, false, t0);
    x.report_lent(*epoch, b.account.take_cleared(0), {id(7, i), outcome::failure, false, -1, {}},
                  t0);
  };
  fails(2);
  static_cast<void>(b.account.release(id(7, 3), false, true, t0));
  fails(4);
  CHECK(x.snapshot(t0).failures == 1);
  CHECK(x.snapshot(t0).breaker == breaker_state::closed);
  // It was told with the failure, and does not undo that one.
  REQUIRE(b.ask(x, t0 + 500ms).open);
  CHECK(x.snapshot(t0).failures == 1);
  CHECK(x.snapshot(t0 + 500ms).succeeded == 1);
  CHECK(x.snapshot(t0 + 500ms).failed == 2);
}

TEST_CASE("loans move with their gate", "[lease]") {
  gate x{limits(40, 100), t0};
  borrower b{7};
  static_cast<void>(b.start(id(7, 1), t0));
  REQUIRE(b.ask(x, t0).units == 12);
  REQUIRE(b.start(id(7, 2), t0));
  gate next{limits(40, 100), t0 + 100ms};
  next.load(x.save(t0 + 100ms), t0 + 100ms);
  CHECK(next.snapshot(t0 + 100ms).rate_available == 100); // The start is not told yet.
  REQUIRE(b.ask(next, t0 + 400ms).open);
  CHECK(next.snapshot(t0 + 400ms).rate_available == 99);
  CHECK(next.snapshot(t0 + 400ms).permits_used == 1);
  CHECK(next.snapshot(t0 + 400ms).loans.front().units == b.account.idle());
}

TEST_CASE("a claim from before its borrower has told the heir what it holds gets nothing",
          "[lease]") {
  borrower b{7};
  CHECK_FALSE(b.start(id(7, 1), t0));
  auto late = b.account.claim(t0); // For the owner that is lost; it arrives at the heir.
  late.tag = b.tag;
  b.account.drop(t0 + 1ms);
  gate heir{limits(40, 0), t0 + 2ms};
  heir.rebuild({}, {}, {}, {{b.tag, b.account.term()}}, t0 + 2ms);
  const auto none = heir.lend(late, true, grace, t0 + 3ms);
  CHECK_FALSE(none.open);
  CHECK(heir.snapshot(t0 + 3ms).loans.empty());
  // The next one gets its part, and nothing is taken for lost.
  CHECK_FALSE(b.start(id(7, 2), t0 + 1s));
  CHECK(b.ask(heir, t0 + 1s).permits == 2);
  CHECK(heir.snapshot(t0 + 1s).permits_used == 0);
}
