// The real actors under the deterministic scheduler: delegation, redirects, waiting, restarts.
#include "actors/hierarchy.hpp"
#include "tests/actors/fixture.hpp"
#include "tests/actors/world.hpp"

using namespace echelon;
using namespace echelon::test;
using policy::id_of;
using policy::refusal;

namespace {

config::RouterConfig two_models() {
  config::RouterConfig c;
  add_group(c, "g", {tier("t1", {"a-1", "b-1"}), tier("t2", {"c-1"})});
  c.groups[0].tiers[0].concurrency_limit = 2;
  c.models["a-1"].concurrency_limit = 1;
  c.models["b-1"].concurrency_limit = 1;
  c.default_queue = 10;
  return c;
}

struct hierarchy_fixture : deterministic_fixture {
  hierarchy_fixture()
      : topology(config::make_topology(two_models())),
        uut(std::make_unique<actors::hierarchy>(sys, topology)) {
    run();
  }
  ~hierarchy_fixture() {
    uut.reset();
    run();
  }

  policy::admission_answer ask(policy::hold_id hold, std::vector<std::string> paths) {
    policy::ask_admission x;
    x.hold = hold;
    for (const auto& p : paths)
      x.route.push_back(id_of(p));
    std::optional<policy::admission_answer> got;
    uut->ask(x, [&](policy::admission_answer a) { got = std::move(a); });
    run();
    REQUIRE(got);
    return *got;
  }
  std::optional<refusal>& wait(policy::hold_id hold, const std::string& path) {
    auto& got = turns[hold];
    const auto now = policy::clock::now();
    // A later hold has a later deadline, so that the order does not hang on the clock.
    const auto deadline = now + 1h * static_cast<int>(hold);
    uut->wait({id_of(path), {hold, 5, deadline, now}}, [&got](refusal why) { got = why; });
    run();
    return got;
  }
  void release(policy::hold_id hold, const policy::admission_answer& x) {
    for (auto actor : x.trail)
      uut->tell({actor, {hold, policy::outcome::success, false, -1, {}}, 0});
    run();
  }
  messages::actor_state state(const std::string& path) {
    std::optional<std::vector<messages::actor_state>> got;
    uut->states([&](std::vector<messages::actor_state> xs) { got = std::move(xs); });
    run();
    REQUIRE(got);
    for (const auto& x : *got)
      if (x.path == path) return x;
    FAIL("no actor " << path);
    return {};
  }

  policy::topology_ptr topology;
  std::unique_ptr<actors::hierarchy> uut;
  std::map<policy::hold_id, std::optional<refusal>> turns;
};

} // namespace

TEST_CASE_METHOD(hierarchy_fixture,
                 "a request is delegated from the group down to a model that grants", "[actors]") {
  const auto x = ask(1, {"group/g", "echelon/g.t1"});
  CHECK(x.why == refusal::none);
  CHECK(x.by == id_of("model/a-1"));
  CHECK(
      x.trail
      == std::vector<policy::path_id>{id_of("group/g"), id_of("echelon/g.t1"), id_of("model/a-1")});
  CHECK(x.order == std::vector<policy::path_id>{id_of("model/a-1"), id_of("model/b-1")});
  CHECK(state("model/a-1").permits_used == 1);
  release(1, x);
  CHECK(state("model/a-1").permits_used == 0);
  CHECK(state("group/g").permits_used == 0);
}

TEST_CASE_METHOD(hierarchy_fixture,
                 "a full model redirects to its sibling, a full tier to the tier below",
                 "[actors]") {
  static_cast<void>(ask(1, {"model/b-1"}));
  const auto first = ask(2, {"group/g", "echelon/g.t1"});
  CHECK(first.by == id_of("model/a-1"));
  const auto second = ask(3, {"group/g", "echelon/g.t1"});
  CHECK(second.why == refusal::saturated);
  CHECK(second.by == id_of("model/b-1"));
  CHECK(second.next == id_of("model/a-1"));
  // It holds group and tier now, so the tier's two permits are gone.
  const auto third = ask(4, {"group/g", "echelon/g.t1"});
  CHECK(third.by == id_of("echelon/g.t1"));
  CHECK(third.next == id_of("echelon/g.t2"));
}

TEST_CASE_METHOD(hierarchy_fixture, "a waiter is told when a permit is kept for it, in order",
                 "[actors]") {
  const auto x = ask(1, {"model/a-1"});
  auto& second = wait(2, "model/a-1");
  auto& third = wait(3, "model/a-1");
  CHECK_FALSE(second);
  release(1, x);
  REQUIRE(second);
  CHECK(*second == refusal::none);
  CHECK_FALSE(third);
  // Whoever gives the kept permit back lets the next one go.
  uut->tell({id_of("model/a-1"), {2, policy::outcome::neutral, true, -1, {}}, 0});
  run();
  CHECK(third);
}

TEST_CASE_METHOD(hierarchy_fixture,
                 "a killed actor comes back with its permits, its breaker and its waiters",
                 "[actors]") {
  const auto held = ask(1, {"model/a-1"});
  auto& turn = wait(2, "model/a-1");
  for (int i = 0; i < 3; ++i)
    uut->tell({id_of("model/a-1"), {0, policy::outcome::failure, false, -1, {}}, 0});
  run();
  for (int i = 0; i < 5; ++i) {
    REQUIRE(uut->kill(id_of("model/a-1")));
    run();
    advance(1s); // The fourth and fifth wait a little.
  }
  const auto s = state("model/a-1");
  CHECK(s.restarts == 5);
  CHECK(s.permits_used == 1);
  CHECK(s.waiting == 1);
  CHECK_FALSE(turn);
  release(1, held);
  REQUIRE(turn);
  CHECK(*turn == refusal::none);
}

TEST_CASE_METHOD(hierarchy_fixture, "every kind of actor that dies is started anew and serves",
                 "[actors]") {
  for (const auto* path : {"group/g", "echelon/g.t1", "model/a-1", "model/b-1"}) {
    REQUIRE(uut->kill(id_of(path)));
    run();
    const auto x = ask(1, {"group/g", "echelon/g.t1"});
    CHECK(x.why == refusal::none);
    release(1, x);
  }
  CHECK_FALSE(uut->kill(id_of("model/none")));
}

TEST_CASE_METHOD(hierarchy_fixture, "RELOAD.1 a reload changes limits and keeps what is held",
                 "[actors]") {
  const auto x = ask(1, {"group/g", "echelon/g.t1"});
  auto c = two_models();
  c.models["a-1"].concurrency_limit = 3;
  uut->apply(config::make_topology(c));
  run();
  const auto s = state("model/a-1");
  CHECK(s.permits_used == 1);
  CHECK(s.permits_limit == 3);
  release(1, x);
}

TEST_CASE_METHOD(hierarchy_fixture, "a removed actor finishes what it holds and then ends",
                 "[actors]") {
  const auto x = ask(1, {"echelon/g.t2", "model/c-1"});
  auto c = two_models();
  c.groups[0].tiers.pop_back();
  c.models.erase("c-1");
  uut->apply(config::make_topology(c));
  run();
  CHECK(ask(2, {"model/c-1"}).why == refusal::unavailable);
  release(1, x);
  CHECK_FALSE(uut->kill(id_of("model/c-1")));
}
