// Two attempts at once: what each outcome means for permits, units and the request.
#include "world.hpp"

#include <catch2/catch.hpp>

namespace echelon::test {
namespace {

using namespace policy;

/// A tier of two models, the first of which is being asked while its hedge is granted.
struct hedged {
  explicit hedged(std::uint32_t models = 2) {
    std::vector<std::string> names{"a-1", "b-1", "c-1"};
    names.resize(models);
    auto one = tier("t1", names);
    one.hedge_after = 100ms;
    one.concurrency_limit = 4;
    one.rpm_limit = 10;
    add_group(config, "g", {one, tier("t2", {"d-1"})});
    for (auto& [name, model] : config.models)
      model.tpm_limit = 1000;
    w.emplace(config);
    std::string unknown;
    d.emplace(config::plan_for(*w->topology(), "g", {}, unknown), w->topology(),
              request_terms{w->now + 60s, 5, 100, nullptr}, 1, 1);
    auto next = d->begin(w->now);
    next = d->on_admission(w->ask(std::get<ask_admission>(next)), w->now);
    first = std::get<start_attempt>(next);
    w->now += 100ms;
  }

  std::optional<start_attempt> hedge() {
    const auto question = d->ask_hedge(2, w->now);
    if (!question) return std::nullopt;
    return d->on_hedge_admission(w->ask(*question), w->now);
  }
  void flush() { w->flush(*d); }
  std::int64_t permits(const std::string& path) { return w->state(path).permits_used; }

  config::RouterConfig config;
  std::optional<world> w;
  std::optional<dispatch> d;
  start_attempt first;
};

TEST_CASE("a hedge asks another model of the tier and holds its own permits", "[hedge]") {
  hedged x;
  CHECK(x.first.hedge_after == duration{100ms});
  const auto second = x.hedge();
  REQUIRE(second);
  CHECK(x.first.model == "a-1");
  CHECK(second->model == "b-1");
  CHECK_FALSE(second->hedge_after);
  CHECK(x.d->attempts() == 2);
  CHECK(x.permits("echelon/g.t1") == 2);
  CHECK(x.permits("group/g") == 1); // Above the tier it is one request.
  CHECK(x.w->state("echelon/g.t1").rate_available == 8);
  CHECK_FALSE(x.hedge()); // One hedge an attempt.
}

TEST_CASE("the loser of two attempts gives back permits and tokens and keeps its attempt unit",
          "[hedge]") {
  const bool hedge_wins = GENERATE(false, true);
  hedged x;
  REQUIRE(x.hedge());
  if (hedge_wins)
    x.d->hedge_won(x.w->now);
  else
    x.d->hedge_lost(x.w->now);
  x.flush();
  const std::string winner = hedge_wins ? "model/b-1" : "model/a-1";
  const std::string loser = hedge_wins ? "model/a-1" : "model/b-1";
  CHECK(x.permits("echelon/g.t1") == 1);
  CHECK(x.permits(loser) == 0);
  CHECK(x.w->state(loser).tokens_used == 0);
  CHECK(x.w->state(winner).tokens_used == 100);
  CHECK(x.w->state("echelon/g.t1").rate_available == 8);
  CHECK(std::holds_alternative<done>(x.d->on_success(40, x.w->now)));
  x.flush();
  CHECK(x.w->held() == 0);
  CHECK(x.w->state(winner).tokens_used == 40);
  CHECK(x.w->state(winner).succeeded == 1);
  CHECK(x.w->state(loser).failed == 0);
}

TEST_CASE("if the first attempt fails its hedge is the attempt, without a new one", "[hedge]") {
  hedged x;
  REQUIRE(x.hedge());
  const auto told = x.w->report(x.d->failure_release(failure_class::network, {}, -1));
  x.d->hand_over({failure_class::network, {}, false, -1, told}, x.w->now);
  x.flush();
  CHECK(x.permits("model/a-1") == 0);
  CHECK(x.permits("echelon/g.t1") == 1);
  SECTION("and it answers") {
    CHECK(std::holds_alternative<done>(x.d->on_success(40, x.w->now)));
  }
  SECTION("or it fails too, and the next tier is asked") {
    const auto again = x.w->report(x.d->failure_release(failure_class::network, {}, -1));
    auto next = x.d->on_failure({failure_class::network, {}, false, -1, again}, x.w->now);
    x.flush();
    next = x.d->on_admission(x.w->ask(std::get<ask_admission>(next)), x.w->now);
    CHECK(std::get<start_attempt>(next).model == "d-1");
    // All models of the tier failed: it is blamed once.
    CHECK(x.w->state("echelon/g.t1").failures == 1);
    CHECK(std::holds_alternative<done>(x.d->on_success(40, x.w->now)));
  }
  x.flush();
  CHECK(x.w->held() == 0);
}

TEST_CASE("if the hedge fails the first attempt goes on, and its model is told", "[hedge]") {
  hedged x;
  REQUIRE(x.hedge());
  const auto told = x.w->report(x.d->failure_release(failure_class::server_error, {}, -1, true));
  x.d->on_hedge_failure({failure_class::server_error, {}, false, -1, told}, x.w->now);
  x.flush();
  CHECK(x.w->state("model/b-1").failed == 1);
  CHECK(x.permits("echelon/g.t1") == 1);
  CHECK(std::holds_alternative<done>(x.d->on_success(40, x.w->now)));
  x.flush();
  CHECK(x.w->held() == 0);
}

TEST_CASE("no hedge where the tier has nobody else, is full, or the retry budget is spent",
          "[hedge]") {
  hedged alone{1};
  CHECK_FALSE(alone.hedge());
  hedged full;
  REQUIRE_FALSE(full.w->ask({9, {id_of("echelon/g.t1")}, {}, {}, {}, {}, 0}).trail.empty());
  REQUIRE_FALSE(full.w->ask({10, {id_of("echelon/g.t1")}, {}, {}, {}, {}, 0}).trail.empty());
  REQUIRE_FALSE(full.w->ask({11, {id_of("echelon/g.t1")}, {}, {}, {}, {}, 0}).trail.empty());
  CHECK_FALSE(full.hedge());
  CHECK(full.permits("echelon/g.t1") == 4);
  CHECK(std::holds_alternative<done>(full.d->on_success(40, full.w->now)));
  full.flush();
  CHECK(full.permits("echelon/g.t1") == 3);
}

TEST_CASE("a client that leaves gives back what both attempts hold", "[hedge]") {
  hedged x;
  REQUIRE(x.hedge());
  x.d->abandon(x.w->now, true);
  x.flush();
  CHECK(x.w->held() == 0);
}

TEST_CASE("an attempt that was granted and never sent gives its units back", "[hedge]") {
  hedged x;
  x.d->abandon(x.w->now, false);
  x.flush();
  CHECK(x.w->held() == 0);
  CHECK(x.w->state("echelon/g.t1").rate_available == 10);
  CHECK(x.w->state("model/a-1").tokens_used == 0);
}

} // namespace
} // namespace echelon::test
