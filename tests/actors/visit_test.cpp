// Idle actors answer visitors on their own threads: as they answer messages, and to the same end.
#include "actors/hierarchy.hpp"
#include "tests/actors/fixture.hpp"
#include "tests/actors/world.hpp"

#include <catch2/catch.hpp>

#include <future>
#include <random>
#include <thread>

using namespace echelon;
using namespace echelon::test;
using policy::id_of;
using policy::outcome;
using policy::refusal;

namespace {

config::RouterConfig scarce() {
  config::RouterConfig c;
  add_group(c, "g", {tier("t1", {"a-1", "b-1"}), tier("t2", {"c-1"})}).breaker = {2, 1h, 1};
  c.groups[0].tiers[0].concurrency_limit = 3;
  c.groups[0].tiers[0].rpm_limit = 60;
  c.models["a-1"].concurrency_limit = 1;
  c.models["c-1"].tpm_limit = 500;
  config::pool_config pool;
  pool.name = "p";
  pool.members = {{"g", {}}};
  pool.weights = {1};
  c.pools.push_back(pool);
  return c;
}

policy::ask_admission question(policy::hold_id hold) {
  policy::ask_admission x;
  x.hold = hold;
  x.route = {id_of("pool/p")};
  x.tokens = 10;
  return x;
}

/// Asks on this thread; messages are waited for.
policy::admission_answer asked(actors::hierarchy& of, const policy::ask_admission& x) {
  std::promise<policy::admission_answer> got;
  of.ask(x, [&](policy::admission_answer a) { got.set_value(std::move(a)); });
  return got.get_future().get();
}

std::optional<messages::actor_state> state_of(actors::hierarchy& of, const std::string& path) {
  std::promise<std::optional<messages::actor_state>> got;
  of.state(id_of(path), [&](auto x) { got.set_value(std::move(x)); });
  return got.get_future().get();
}

/// Asked until the answer comes before ask() returns: every actor on the way is idle then.
bool is_visited(actors::hierarchy& of, const policy::ask_admission& x) {
  for (int i = 0; i < 100'000; ++i) {
    std::atomic<bool> answered{false};
    std::promise<policy::admission_answer> got;
    of.ask(x, [&](policy::admission_answer a) {
      answered = true;
      got.set_value(std::move(a));
    });
    const bool at_once = answered;
    of.give_back(x, got.get_future().get());
    if (at_once) return true;
  }
  return false;
}

} // namespace

TEST_CASE("visitors get the answers that messages get, and leave the same behind",
          "[actors][visit]") {
  const auto seed = GENERATE(range(1U, 21U));
  const auto topology = config::make_topology(scarce());
  actors::hierarchy visited{topology, 1};
  deterministic_fixture other;
  auto sent = std::make_unique<actors::hierarchy>(other.sys, topology);
  other.run();
  struct request {
    policy::hold_id hold;
    std::vector<policy::path_id> trail;
  };
  std::vector<request> open;
  std::mt19937 random{seed};
  for (policy::hold_id hold = 1; hold <= 120; ++hold) {
    const auto x = question(hold);
    const auto mine = asked(visited, x);
    std::optional<policy::admission_answer> theirs;
    sent->ask(x, [&](policy::admission_answer a) { theirs = std::move(a); });
    other.run();
    REQUIRE(theirs);
    INFO("request " << hold);
    CHECK(mine.why == theirs->why);
    CHECK(mine.by == theirs->by);
    CHECK(mine.next == theirs->next);
    CHECK(mine.trail == theirs->trail);
    CHECK(mine.order == theirs->order);
    CHECK(mine.members == theirs->members);
    if (!mine.trail.empty()) open.push_back({hold, mine.trail});
    while (!open.empty() && (open.size() > 4 || random() % 2 == 0)) {
      std::swap(open[random() % open.size()], open.back());
      const auto result = random() % 4 == 0 ? outcome::failure : outcome::success;
      for (const auto actor : open.back().trail) {
        const policy::actor_release end{actor, {open.back().hold, result, false, 12, {}}, 0};
        visited.tell(end);
        sent->tell(end);
      }
      other.run();
      open.pop_back();
    }
  }
  std::optional<std::vector<messages::actor_state>> theirs;
  sent->states([&](auto x) { theirs = std::move(x); });
  other.run();
  REQUIRE(theirs);
  for (auto& x : *theirs) {
    INFO(x.path);
    const auto mine = state_of(visited, x.path);
    REQUIRE(mine);
    CHECK(mine->permits_used == x.permits_used);
    CHECK(mine->admitted == x.admitted);
    CHECK(mine->refused == x.refused);
    CHECK(mine->succeeded == x.succeeded);
    CHECK(mine->failed == x.failed);
    CHECK(mine->failures == x.failures);
    CHECK(mine->breaker == x.breaker);
    CHECK(mine->tokens_used == x.tokens_used);
  }
  sent.reset();
  other.run();
}

TEST_CASE("idle actors are visited; whoever finds the door shut is answered when it opens",
          "[actors][visit]") {
  actors::hierarchy uut{config::make_topology(scarce()), 1};
  CHECK(is_visited(uut, question(1)));
  for (const auto* path : {"pool/p", "group/g", "echelon/g.t1"}) {
    INFO(path);
    REQUIRE(uut.disturb(id_of(path), actors::disturbance::pause, 60'000));
    std::promise<policy::admission_answer> got;
    auto answer = got.get_future();
    const auto x = question(uut.new_hold());
    uut.ask(x, [&](policy::admission_answer a) { got.set_value(std::move(a)); });
    CHECK(answer.wait_for(0s) == std::future_status::timeout);
    uut.disturb(actors::hierarchy::supervisor_id(), actors::disturbance::kill); // Opens all doors.
    const auto a = answer.get();
    CHECK(a.why == refusal::none);
    uut.give_back(x, a);
    CHECK(is_visited(uut, question(uut.new_hold())));
  }
}

TEST_CASE("a visitor who brings the last permit of a removed actor back ends it",
          "[actors][visit]") {
  auto config = scarce();
  actors::hierarchy uut{config::make_topology(config), 1};
  auto x = question(uut.new_hold());
  x.route = {id_of("model/c-1")};
  const auto got = asked(uut, x);
  REQUIRE(got.why == refusal::none);
  config.groups[0].tiers.pop_back();
  config.models.erase("c-1");
  uut.apply(config::make_topology(config));
  CHECK(state_of(uut, "model/c-1")->permits_used == 1);
  uut.tell({id_of("model/c-1"), {x.hold, outcome::success, false, -1, {}}, 0});
  const auto give_up = policy::clock::now() + 60s;
  while (state_of(uut, "model/c-1") && policy::clock::now() < give_up)
    std::this_thread::yield();
  CHECK_FALSE(state_of(uut, "model/c-1"));
}
