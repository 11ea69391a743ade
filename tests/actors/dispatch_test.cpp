// The course of requests through the whole hierarchy, by hand-worked hit lists.
#include "tests/actors/world.hpp"

#include <catch2/catch.hpp>

using namespace echelon;
using namespace echelon::test;

namespace {

using names = std::vector<std::string>;

const reply bad{failure_class::server_error};

/// BASE of the fault cases: two tiers of one model each.
config::RouterConfig base() {
  config::RouterConfig c;
  add_group(c, "g", {tier("echelon1", {"a-1"}), tier("echelon2", {"b-1"})});
  return c;
}

config::RouterConfig only_one(std::uint32_t max_retries = 0) {
  config::RouterConfig c;
  add_group(c, "g", {tier("echelon1", {"a-1"}, max_retries)});
  return c;
}

} // namespace

TEST_CASE("a healthy first tier answers, and everything is given back", "[dispatch]") {
  world w{base()};
  const auto end = w.call("g");
  CHECK(end.ok);
  CHECK(end.route == "g.echelon1/a-1");
  CHECK(w.held() == 0);
  CHECK(w.state("echelon/g.echelon1").succeeded == 1);
}

TEST_CASE("LOOP.1 a ring of fallbacks ends: repeated entries are not tried again", "[dispatch]") {
  config::RouterConfig c;
  add_group(c, "a", {tier("echelon1", {"a-1"})});
  add_group(c, "b", {tier("echelon1", {"b-1"})});
  config::node_config n;
  n.name = "n";
  n.llm_group = {"a", "echelon1"};
  n.fallback_groups = {{"b", "echelon1"}, {"a", "echelon1"}, {"b", "echelon1"}};
  c.nodes.push_back(n);
  c.fallback.max_attempts = 50;
  world w{c};
  w.script["a-1"] = w.script["b-1"] = {bad};
  const auto end = w.call("n");
  CHECK_FALSE(end.ok);
  CHECK(end.hits == names{"a-1", "b-1"});
  CHECK(end.why.why == policy::give_up::kind::upstream);
  CHECK(w.held() == 0);
}

TEST_CASE("LOOP.3 retries leave a member as soon as its breaker opens", "[dispatch]") {
  auto c = base();
  c.groups[0].breaker.failure_threshold = 1;
  c.groups[0].tiers[0].max_retries = 3;
  world w{c};
  w.script["a-1"] = {bad};
  const auto end = w.call("g");
  CHECK(end.ok);
  CHECK(end.hits == names{"a-1", "b-1"});
}

TEST_CASE("echelon_down spends the tier's retries on untried models first, then goes down",
          "[dispatch]") {
  config::RouterConfig c;
  add_group(c, "g", {tier("t1", {"a-1", "b-1", "c-1"}, 1), tier("t2", {"d-1"})});
  world w{c};
  w.script["a-1"] = w.script["b-1"] = w.script["c-1"] = {bad};
  CHECK(w.call("g").hits == names{"a-1", "b-1", "d-1"});
  // The rotation goes on by one each request: b is first now, its retry goes to c, then down.
  CHECK(w.call("g").hits == names{"b-1", "c-1", "d-1"});
}

TEST_CASE("max_retries 3 at one model: four attempts, then the tier below", "[dispatch]") {
  auto c = base();
  c.groups[0].tiers[0].max_retries = 3;
  world w{c};
  w.script["a-1"] = {bad};
  CHECK(w.call("g").hits == names{"a-1", "a-1", "a-1", "a-1", "b-1"});
}

TEST_CASE("model_rotate tries every other model of the tier, spending no retry, then goes down",
          "[dispatch]") {
  config::RouterConfig c;
  auto& g = add_group(c, "g", {tier("t1", {"a-1", "a-2", "b-1"}), tier("t2", {"c-1"})});
  g.strategy = policy::fallback_strategy::model_rotate;
  world w{c};
  for (const auto* m : {"a-1", "a-2", "b-1"})
    w.script[m] = {bad};
  CHECK(w.call("g").hits == names{"a-1", "a-2", "b-1", "c-1"});
}

TEST_CASE("provider_failover moves to another provider, this tier first, then the lower ones",
          "[dispatch]") {
  config::RouterConfig c;
  auto& g = add_group(c, "g", {tier("t1", {"a-1", "a-2", "b-1"}), tier("t2", {"b-2", "c-1"})});
  g.strategy = policy::fallback_strategy::provider_failover;
  world w{c};
  SECTION("the next provider of the tier answers; the failed provider's sibling is passed over") {
    w.script["a-1"] = {bad};
    CHECK(w.call("g").hits == names{"a-1", "b-1"});
  }
  SECTION("the whole of two providers fails") {
    for (const auto* m : {"a-1", "a-2", "b-1", "b-2"})
      w.script[m] = {bad};
    const auto end = w.call("g");
    CHECK(end.hits == names{"a-1", "b-1", "a-2", "b-2", "c-1"});
    CHECK(end.ok);
  }
}

TEST_CASE("TRIGGER.1 a 429 falls over at once and benches its model", "[dispatch]") {
  world w{base()};
  w.script["a-1"] = {{failure_class::rate_limited, 45s}};
  const auto end = w.call("g");
  CHECK(end.hits == names{"a-1", "b-1"});
  CHECK(end.at[1] == end.at[0]);
  CHECK(w.state("model/a-1").benched);
  CHECK(w.state("model/a-1").breaker == "closed");
  CHECK(w.call("g").hits == names{"b-1"});
  w.now += 45s;
  CHECK(w.call("g").hits == names{"a-1", "b-1"});
}

TEST_CASE("TRIGGER.5 a dead credential is not retried and its model is benched", "[dispatch]") {
  auto c = base();
  c.groups[0].tiers[0].max_retries = 3;
  world w{c};
  w.script["a-1"] = {{failure_class::credential}};
  CHECK(w.call("g").hits == names{"a-1", "b-1"});
  CHECK(w.call("g").hits == names{"b-1"});
}

TEST_CASE("BREAKER.3 a client's fault goes nowhere else and opens nothing", "[dispatch]") {
  world w{base()};
  w.script["a-1"] = {{failure_class::client_fault}};
  for (int i = 0; i < 20; ++i)
    CHECK(w.call("g").hits == names{"a-1"});
  w.script["a-1"] = {};
  CHECK(w.call("g").route == "g.echelon1/a-1");
}

TEST_CASE("RETRY.1 each wait follows the newest Retry-After", "[dispatch]") {
  world w{only_one(3)};
  w.script["a-1"] = {{failure_class::rate_limited, 1s}, {failure_class::rate_limited, 2s}, {}};
  const auto end = w.call("g");
  REQUIRE(end.ok);
  REQUIRE(end.at.size() == 3);
  CHECK(end.at[1] - end.at[0] == 1s);
  CHECK(end.at[2] - end.at[1] == 2s);
}

TEST_CASE("a Retry-After longer than the time left ends the request at once", "[dispatch]") {
  world w{only_one(3)};
  w.script["a-1"] = {{failure_class::server_error, 700s}};
  const auto end = w.call("g");
  CHECK(end.hits == names{"a-1"});
  CHECK(end.ended == end.at[0]);
}

TEST_CASE("the backoff before the same model is jittered under a doubling base", "[dispatch]") {
  for (int run = 0; run < 50; ++run) {
    auto c = only_one(3);
    c.fallback.retry_delay = 1s;
    world w{c};
    w.script["a-1"] = {bad};
    const auto end = w.call("g");
    REQUIRE(end.at.size() == 4);
    CHECK(end.at[1] - end.at[0] <= 1s);
    CHECK(end.at[2] - end.at[1] <= 2s);
    CHECK(end.at[3] - end.at[2] <= 4s);
  }
}

TEST_CASE("RETRY.3 when everything is open the wait falls as time passes", "[dispatch]") {
  auto c = only_one();
  c.groups[0].breaker = {1, 3s, 1};
  world w{c};
  w.script["a-1"] = {bad, {}};
  CHECK_FALSE(w.call("g").ok);
  w.now += 500ms;
  const auto early = w.call("g");
  CHECK(early.hits.empty());
  CHECK(early.why.why == policy::give_up::kind::all_open);
  CHECK(early.why.retry_after == 2500ms);
  w.now += 2s;
  CHECK(w.call("g").why.retry_after == 500ms);
  w.now += 500ms;
  CHECK(w.call("g").ok);
}

TEST_CASE("BREAKER.7 open means no hit for the whole recovery time, the others serve",
          "[dispatch]") {
  config::RouterConfig c;
  auto& g = add_group(c, "g", {tier("t1", {"a-1", "b-1"})});
  g.breaker = {1, 5s, 1};
  g.strategy = policy::fallback_strategy::model_rotate;
  c.models["a-1"].weight = 200;
  world w{c};
  w.script["a-1"] = {bad};
  CHECK(w.call("g").hits == names{"a-1", "b-1"});
  for (auto t = 100ms; t < 5s; t += 100ms) {
    w.now += 100ms;
    CHECK(w.call("g").hits == names{"b-1"});
  }
  w.now += 100ms;
  CHECK(w.call("g").hits == names{"a-1", "b-1"});
}

TEST_CASE(
    "BREAKER.8 a whole group that is open fails fast and comes back by itself, first tier first",
    "[dispatch]") {
  config::RouterConfig c;
  auto& g = add_group(c, "g", {tier("t1", {"a-1"}), tier("t2", {"b-1"}), tier("t3", {"c-1"})});
  g.breaker = {1, 2s, 1};
  world w{c};
  for (const auto* m : {"a-1", "b-1", "c-1"})
    w.script[m] = {bad};
  CHECK(w.call("g").hits == names{"a-1", "b-1", "c-1"});
  CHECK(w.state("group/g").breaker == "open");
  CHECK(w.call("g").hits.empty());
  w.script.clear();
  w.now += 2s;
  CHECK(w.call("g").route == "g.t1/a-1");
  CHECK(w.state("group/g").breaker == "closed");
}

TEST_CASE("a tier that is left after failures is blamed once, the group only when all of it failed",
          "[dispatch]") {
  auto c = base();
  c.groups[0].tiers[0].max_retries = 2;
  world w{c};
  w.script["a-1"] = {bad};
  CHECK(w.call("g").ok);
  CHECK(w.state("model/a-1").failures == 3);
  CHECK(w.state("echelon/g.echelon1").failures == 1);
  CHECK(w.state("group/g").failures == 0);
}

TEST_CASE("a healthy sibling clears its tier: one bad model with threshold 1 does not close tier "
          "or group",
          "[dispatch]") {
  config::RouterConfig c;
  auto& g = add_group(c, "g", {tier("t1", {"a-1", "b-1"})});
  g.breaker = {1, 5s, 1};
  world w{c};
  w.script["a-1"] = {bad};
  CHECK_FALSE(w.call("g").ok);
  CHECK(w.state("echelon/g.t1").breaker == "closed");
  CHECK(w.state("group/g").breaker == "closed");
  for (int i = 0; i < 10; ++i)
    CHECK(w.call("g").hits == names{"b-1"});
  w.script["b-1"] = {bad};
  CHECK_FALSE(w.call("g").ok);
  const auto end = w.call("g");
  CHECK(end.hits.empty());
  CHECK(end.why.why == policy::give_up::kind::all_open);
}

TEST_CASE("failures of one tier entered by name do not close the group of healthy tiers",
          "[dispatch]") {
  auto c = base();
  c.groups[0].breaker = {1, 5s, 1};
  config::node_config n;
  n.name = "n";
  n.llm_group = {"g", "echelon1"};
  n.fallback_groups = {{"g", "echelon1"}};
  c.nodes.push_back(n);
  world w{c};
  w.script["a-1"] = {bad};
  CHECK_FALSE(w.call("n").ok);
  CHECK(w.state("echelon/g.echelon1").breaker == "open");
  CHECK(w.state("group/g").breaker == "closed");
  CHECK(w.call("g").route == "g.echelon2/b-1");
}

TEST_CASE("rpm_limit: of 130 requests in a burst exactly 100 start in any 60 s, the rest know when "
          "to come",
          "[dispatch]") {
  auto c = only_one();
  c.groups[0].tiers[0].rpm_limit = 100;
  world w{c};
  int ok = 0, limited = 0;
  for (int i = 0; i < 130; ++i) {
    const auto end = w.call("g");
    ok += end.ok ? 1 : 0;
    if (!end.ok) {
      ++limited;
      CHECK(end.why.why == policy::give_up::kind::no_room);
      CHECK(end.why.reason == policy::refusal::rate_limited);
      CHECK(end.why.retry_after == 60s + 1ns);
    }
  }
  CHECK(ok == 100);
  CHECK(limited == 30);
  w.now += 60s;
  CHECK_FALSE(w.call("g").ok);
  w.now += 1ns;
  CHECK(w.call("g").ok);
}

TEST_CASE(
    "a tier that is full passes the request down, and what was taken on the way is given back",
    "[dispatch]") {
  auto c = base();
  c.groups[0].tiers[0].rpm_limit = 10;
  c.models["a-1"].rpm_limit = 1;
  world w{c};
  CHECK(w.call("g").route == "g.echelon1/a-1");
  CHECK(w.call("g").route == "g.echelon2/b-1");
  // The tier's unit of the second request went back when the model refused.
  CHECK(w.state("echelon/g.echelon1").rate_available == 9);
}

TEST_CASE("max_attempts caps moves to other tiers, and a disabled fallback makes none",
          "[dispatch]") {
  config::RouterConfig c;
  add_group(c, "g",
            {tier("t1", {"a-1"}), tier("t2", {"b-1"}), tier("t3", {"c-1"}), tier("t4", {"d-1"})});
  for (auto [moves, hits] :
       {std::pair{1U, names{"a-1", "b-1"}}, {2U, names{"a-1", "b-1", "c-1"}}}) {
    c.fallback.max_attempts = moves;
    world w{c};
    for (const auto* m : {"a-1", "b-1", "c-1", "d-1"})
      w.script[m] = {bad};
    CHECK(w.call("g").hits == hits);
  }
  c.fallback.enabled = false;
  world w{c};
  w.script["a-1"] = {bad};
  CHECK(w.call("g").hits == names{"a-1"});
}

TEST_CASE(
    "a pool rotates its members and goes on to the others, and an ejected member takes no turn",
    "[dispatch]") {
  config::RouterConfig c;
  add_group(c, "x", {tier("t1", {"a-1"})});
  add_group(c, "y", {tier("t1", {"b-1"})});
  config::pool_config p;
  p.name = "p";
  p.members = {{"x", ""}, {"y", "t1"}};
  p.weights = {1, 1};
  p.failure_threshold = 2;
  p.recovery_time = 10s;
  c.pools.push_back(p);
  world w{c};
  CHECK(w.call("p").hits == names{"a-1"});
  CHECK(w.call("p").hits == names{"b-1"});
  w.script["a-1"] = {bad};
  CHECK(w.call("p").hits == names{"a-1", "b-1"});
  CHECK(w.call("p").hits == names{"b-1"});
  CHECK(w.call("p").hits == names{"a-1", "b-1"});
  CHECK(w.state("pool/p").members[0].ejected);
  for (int i = 0; i < 4; ++i)
    CHECK(w.call("p").hits == names{"b-1"});
  w.script.clear();
  w.now += 10s;
  CHECK((w.call("p").hits == names{"a-1"}
         || w.call("p").hits == names{"a-1"})); // One of the next two turns.
  CHECK_FALSE(w.state("pool/p").members[0].ejected);
  CHECK(w.held() == 0);
}

TEST_CASE("RATE.6 a pool's limiter counts each request once, failed ones too", "[dispatch]") {
  config::RouterConfig c;
  add_group(c, "x", {tier("t1", {"a-1"}, 2)});
  config::pool_config p;
  p.name = "p";
  p.members = {{"x", ""}};
  p.weights = {1};
  p.rate = policy::token_bucket_settings{5, 10'000};
  c.pools.push_back(p);
  world w{c};
  w.script["a-1"] = {bad, {}, {failure_class::client_fault}};
  CHECK(w.call("p").hits == names{"a-1", "a-1"}); // One request, two attempts, one unit.
  for (int i = 0; i < 4; ++i)
    CHECK(w.call("p").hits == names{"a-1"});
  const auto end = w.call("p");
  CHECK(end.hits.empty());
  CHECK(end.why.why == policy::give_up::kind::no_room);
}

TEST_CASE("a node goes through its group, its fallback groups, then the rest of its pool",
          "[dispatch]") {
  config::RouterConfig c;
  add_group(c, "x", {tier("t1", {"a-1"}), tier("t2", {"a-2"})});
  add_group(c, "y", {tier("t1", {"b-1"})});
  add_group(c, "z", {tier("t1", {"c-1"})});
  config::pool_config p;
  p.name = "p";
  p.members = {{"x", ""}, {"z", ""}};
  p.weights = {1, 1};
  c.pools.push_back(p);
  config::node_config n;
  n.name = "n";
  n.llm_group = {"x", "t1"};
  n.fallback_groups = {{"y", "t1"}};
  n.polling_pool = "p";
  c.nodes.push_back(n);
  c.fallback.max_attempts = 9;
  world w{c};
  for (const auto* m : {"a-1", "a-2", "b-1"})
    w.script[m] = {bad};
  CHECK(w.call("n").hits == names{"a-1", "b-1", "a-2", "c-1"});
}

TEST_CASE("the deadline covers retries: nothing starts after it", "[dispatch]") {
  auto c = only_one(5);
  world w{c};
  w.script["a-1"] = {{failure_class::timeout, std::nullopt, 2s}};
  const auto end = w.call("g", {}, 5s);
  CHECK(end.hits.size() == 3);
  CHECK(end.why.why == policy::give_up::kind::deadline);
}

TEST_CASE("fallback groups named by the caller come after the target's own", "[dispatch]") {
  config::RouterConfig c;
  add_group(c, "x", {tier("t1", {"a-1"})});
  add_group(c, "y", {tier("t1", {"b-1"}), tier("t2", {"b-2"})});
  world w{c};
  w.script["a-1"] = {bad};
  CHECK(w.call("x", {"y.t2"}).hits == names{"a-1", "b-2"});
}
