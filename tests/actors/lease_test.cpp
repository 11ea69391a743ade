// Two nodes under the deterministic scheduler: one owns all actors and lends, the other borrows.
#include "actors/hierarchy.hpp"
#include "actors/internals.hpp"
#include "tests/actors/fixture.hpp"
#include "tests/actors/world.hpp"

#include <caf/send.hpp>

using namespace echelon;
using namespace echelon::test;
using policy::id_of;
using policy::refusal;

namespace {

config::RouterConfig one_tier() {
  config::RouterConfig c;
  add_group(c, "g", {tier("t1", {"a-1", "b-1"})});
  c.groups[0].tiers[0].rpm_limit = 40;
  c.groups[0].tiers[0].concurrency_limit = 12;
  c.groups[0].breaker = {2, 2s, 1};
  for (auto& [name, model] : c.models)
    model.tpm_limit = 10000;
  c.default_queue = 10;
  return c;
}

const std::vector<std::string> whole_way{"group/g", "echelon/g.t1"};

struct two_nodes : deterministic_fixture {
  two_nodes()
      : topology(config::make_topology(one_tier())),
        owner(std::make_unique<actors::hierarchy>(sys, topology, true)),
        uut(std::make_unique<actors::hierarchy>(sys, topology, true)) {
    start_actors(*owner, [](auto&) {});
    auto& inside = uut->inside();
    inside.where->set_elsewhere(
        [this](std::uint64_t id) { return owner->inside().where->local(id); });
    inside.leases->enable("b");
    run();
  }
  ~two_nodes() {
    uut->inside().where->set_elsewhere(nullptr);
    uut.reset();
    owner.reset();
    run();
  }

  void start_actors(actors::hierarchy& of, const std::function<void(actors::level_core&)>& fill) {
    for (const auto& [id, spec] : topology->actors)
      of.inside().children->take_over(spec, fill);
    of.inside().supervisor->watch();
  }

  /// Time goes on; the borrower looks around as often as it does.
  void pass(policy::duration d) {
    for (; d > 0ns; d -= 50ms)
      advance(50ms);
  }

  policy::ask_admission question(actors::hierarchy& from, const std::vector<std::string>& paths) {
    policy::ask_admission x;
    x.hold = from.new_hold();
    x.tokens = 10;
    for (const auto& p : paths)
      x.route.push_back(id_of(p));
    return x;
  }
  std::pair<policy::hold_id, policy::admission_answer>
  ask(actors::hierarchy& from, const std::vector<std::string>& paths = whole_way) {
    const auto x = question(from, paths);
    std::optional<policy::admission_answer> got;
    from.ask(x, [&](policy::admission_answer a) { got = std::move(a); });
    run();
    REQUIRE(got);
    return {x.hold, *got};
  }
  void end(actors::hierarchy& from, const std::pair<policy::hold_id, policy::admission_answer>& x,
           policy::outcome result = policy::outcome::success) {
    for (auto actor : x.second.trail)
      from.tell({actor, {x.first, result, false, 7, {}}, 0});
    run();
  }
  messages::actor_state state(const std::string& path) {
    std::optional<messages::actor_state> got;
    owner->state(id_of(path), [&](auto x) { got = std::move(x); });
    run();
    REQUIRE(got);
    return *got;
  }
  std::uint64_t remote() { return uut->admissions().remote; }
  /// Some requests of the borrower, until it has leases of the whole way.
  void warm() {
    for (int i = 0; i < 3; ++i) {
      end(*uut, ask(*uut));
      pass(200ms);
    }
  }

  policy::topology_ptr topology;
  std::unique_ptr<actors::hierarchy> owner, uut;
};

} // namespace

TEST_CASE_METHOD(two_nodes, "with leases warm an admission asks nobody", "[lease]") {
  end(*uut, ask(*uut));
  CHECK(remote() == 1); // The first one went to the owner, with its whole way.
  warm();
  const auto before = remote();
  const auto leased = uut->admissions().leased;
  for (int i = 0; i < 8; ++i) {
    const auto x = ask(*uut);
    REQUIRE(x.second.why == refusal::none);
    CHECK(x.second.trail.size() == 3);
    end(*uut, x);
    pass(100ms);
  }
  CHECK(remote() == before);
  CHECK(uut->admissions().leased == leased + 24);
  // The owner hears of all of them: 12 have started since the beginning.
  pass(1s);
  CHECK(state("echelon/g.t1").rate_available == 28);
  CHECK(state("echelon/g.t1").admitted == 12);
  CHECK(state("echelon/g.t1").succeeded == 12);
  CHECK(state("model/a-1").succeeded + state("model/b-1").succeeded == 12);
  CHECK(state("model/a-1").tokens_used + state("model/b-1").tokens_used == 12 * 7);
  REQUIRE(state("echelon/g.t1").loans.size() == 1);
  CHECK(state("echelon/g.t1").loans[0].node == "b");
  // Without demand all goes back.
  pass(10s);
  CHECK(state("echelon/g.t1").loans.empty());
}

TEST_CASE_METHOD(two_nodes, "two nodes together start no more than the limit, and not one less",
                 "[lease]") {
  warm();
  int started = 3;
  for (int i = 0; i < 60; ++i) {
    auto& from = i % 2 == 0 ? *uut : *owner;
    std::optional<policy::admission_answer> got;
    const auto x = question(from, whole_way);
    from.ask(x, [&](policy::admission_answer a) { got = std::move(a); });
    pass(50ms);
    REQUIRE(got);
    if (got->why == refusal::none)
      ++started;
    else
      CHECK(got->why == refusal::rate_limited);
    // What was taken on the way to a refusal comes back.
    const bool back = got->why != refusal::none;
    for (auto actor : got->trail)
      from.tell({actor, {x.hold, policy::outcome::neutral, back, -1, {}}, 0});
    run();
  }
  CHECK(started == 40);
}

TEST_CASE_METHOD(two_nodes, "what a lease began and nobody was told of comes back", "[lease]") {
  warm();
  auto& inside = uut->inside();
  const auto hold = uut->new_hold();
  policy::ask_admission x;
  x.hold = hold;
  x.route = {id_of("group/g"), id_of("echelon/g.t1")};
  // As the ask of a request whose answer never comes: the hierarchy is not told of it.
  auto msg = actors::to_message(x);
  static_cast<void>(inside.leases->pass(msg, sys.clock().now())); // As far as leases reach.
  const auto held = [&] {
    pass(1s);
    return state("echelon/g.t1").permits_used;
  };
  CHECK(held() == 1);
  inside.leases->reconcile({}, sys.clock().now() - 5s, sys.clock().now());
  CHECK(held() == 1); // It may still be on its way.
  pass(5s);
  messages::actor_holdings known;
  known.actor = id_of("echelon/g.t1");
  known.holds = {hold};
  inside.leases->reconcile({known}, sys.clock().now() - 5s, sys.clock().now());
  CHECK(held() == 1);
  inside.leases->reconcile({}, sys.clock().now() - 5s, sys.clock().now());
  CHECK(held() == 0);
}

TEST_CASE_METHOD(two_nodes, "a fenced node starts nothing by its leases", "[lease]") {
  warm();
  const auto leased = uut->admissions().leased;
  uut->inside().where->act_until = sys.clock().now().time_since_epoch().count();
  static_cast<void>(ask(*uut));
  CHECK(uut->admissions().leased == leased);
  // It was out of the cluster: even when it may act again, what it had is void.
  uut->inside().leases->drop_all(sys.clock().now());
  uut->inside().where->act_until = std::numeric_limits<std::int64_t>::max();
  const auto asked = remote();
  static_cast<void>(ask(*uut));
  CHECK(uut->admissions().leased == leased);
  CHECK(remote() == asked + 1);
}

TEST_CASE_METHOD(two_nodes, "who waits at the owner gets what the other node does not use",
                 "[lease]") {
  warm();
  REQUIRE(state("echelon/g.t1").loans[0].permits > 0);
  // All 12 permits, whoever had some of them lent.
  for (int i = 0; i < 12; ++i) {
    const auto x = ask(*owner);
    REQUIRE(x.second.why == refusal::none);
  }
  CHECK(ask(*owner).second.why == refusal::saturated);
  CHECK(state("echelon/g.t1").permits_used == 12);
}

TEST_CASE_METHOD(two_nodes, "what ends at a borrower wakes who waits at the owner", "[lease]") {
  warm();
  std::vector<std::pair<policy::hold_id, policy::admission_answer>> all;
  for (int i = 0; i < 12; ++i) {
    all.push_back(ask(i % 2 == 0 ? *uut : *owner));
    REQUIRE(all.back().second.why == refusal::none);
    pass(50ms);
  }
  const auto now = policy::clock::now();
  std::optional<refusal> got;
  const auto hold = owner->new_hold();
  owner->wait({id_of("echelon/g.t1"), {hold, 5, now + 1h, now}}, [&](refusal why) { got = why; });
  run();
  CHECK_FALSE(got);
  pass(300ms);
  end(*uut, all[2]);
  pass(50ms);
  REQUIRE(got);
  CHECK(*got == refusal::none);
}

TEST_CASE_METHOD(two_nodes, "failures by lease open the owner's breaker, whose probes are exact",
                 "[lease]") {
  warm();
  std::vector<std::pair<policy::hold_id, policy::admission_answer>> all;
  for (int i = 0; i < 3; ++i)
    all.push_back(ask(*uut, {"model/a-1"}));
  for (int i = 0; i < 2; ++i) {
    policy::duration closed_for{};
    uut->tell({id_of("model/a-1"), {all[i].first, policy::outcome::failure, false, -1, {}}, 0},
              [&](policy::duration x) { closed_for = x; });
    run();
    CHECK((closed_for > 0ns) == (i == 1));
  }
  CHECK(state("model/a-1").breaker == "open");
  CHECK(state("model/a-1").loans.size() == 1); // The one that still runs.
  CHECK(ask(*uut, {"model/a-1"}).second.why == refusal::open);
  pass(2s);
  // One probe, from whichever node; the old call's failure says nothing of it.
  const auto probe = ask(*uut, {"model/a-1"});
  REQUIRE(probe.second.why == refusal::none);
  CHECK(ask(*owner, {"model/a-1"}).second.why == refusal::open);
  end(*uut, all[2], policy::outcome::failure);
  CHECK(state("model/a-1").breaker == "half_open");
  end(*uut, probe);
  CHECK(state("model/a-1").breaker == "closed");
}

TEST_CASE_METHOD(two_nodes, "a new owner starts from what was begun by leases of the lost one",
                 "[lease]") {
  warm();
  const auto running = ask(*uut);
  REQUIRE(running.second.why == refusal::none);
  end(*uut, ask(*uut));
  // The owner is gone; the borrower is asked what it holds and has started.
  owner->inside().where->act_until = 0;
  const auto place = topology->find(id_of("echelon/g.t1"))->place;
  const auto now = sys.clock().now();
  const auto leased = uut->inside().leases->drop(place, now);
  const auto of = std::find_if(leased.begin(), leased.end(),
                               [](const auto& x) { return x.actor == id_of("echelon/g.t1"); });
  REQUIRE(of != leased.end());
  CHECK(of->holds == std::vector<policy::hold_id>{running.first});
  const auto told = uut->inside().held->of(place, now);
  const auto mine = std::find_if(told.begin(), told.end(),
                                 [](const auto& x) { return x.actor == id_of("echelon/g.t1"); });
  REQUIRE(mine != told.end());
  CHECK(mine->holds == std::vector<policy::hold_id>{running.first});
  CHECK(mine->started.size() == 5);
  actors::level_core next{*topology->find(id_of("echelon/g.t1")), now};
  next.rebuild(*mine, now);
  CHECK(next.state(now).permits_used == 1);
  CHECK(next.state(now).rate_available == 0);
  // Nothing is started by the leases of the lost one.
  const auto before = uut->admissions().leased;
  static_cast<void>(ask(*uut, {"echelon/g.t1"}));
  CHECK(uut->admissions().leased == before);
}

TEST_CASE_METHOD(two_nodes, "an actor that moves takes its loans along", "[lease]") {
  warm();
  const auto running = ask(*uut);
  const auto path = id_of("echelon/g.t1");
  auto& family = *owner->inside().children;
  const auto handle = family.release(path);
  std::optional<messages::actor_memory> memory;
  caf::scoped_actor self{sys};
  self->send(handle, messages::hand_over{});
  run();
  self->receive([&](const messages::actor_memory& x) { memory = x; });
  REQUIRE(memory);
  REQUIRE(memory->gate.loans.size() == 1);
  family.take_over(*topology->find(path),
                   [&](auto& core) { core.load(*memory, sys.clock().now()); });
  owner->inside().supervisor->watch();
  pass(1s);
  CHECK(state("echelon/g.t1").permits_used == 1);
  CHECK(state("echelon/g.t1").rate_available == 36);
  end(*uut, running);
  pass(1s);
  CHECK(state("echelon/g.t1").permits_used == 0);
}
