// Actors that die at random under load, on real threads: nothing is lost, leaked or over a limit.
#include "actors/hierarchy.hpp"
#include "tests/actors/world.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <random>
#include <thread>

using namespace echelon;
using namespace echelon::test;
using actors::disturbance;
using policy::id_of;
using policy::outcome;
using policy::refusal;

namespace {

constexpr int callers = 8;
constexpr std::uint32_t limit = 3;

config::RouterConfig limited() {
  config::RouterConfig c;
  add_group(c, "g", {tier("t1", {"a-1", "b-1"})}).breaker = {1'000'000, 2s, 1};
  c.groups[0].tiers[0].concurrency_limit = limit;
  c.models["c-1"].name = c.models["c-1"].model = "c-1";
  c.models["c-1"].provider = "c";
  config::pool_config pool;
  pool.name = "p";
  pool.members = {{"g", {}}};
  pool.weights = {1};
  c.pools.push_back(pool);
  c.default_queue = 1000;
  return c;
}

/// One answer, waited for on this thread; a lost one fails the test instead of hanging it.
template <class T, class Start>
T awaited(Start start) {
  struct box {
    std::mutex mutex;
    std::condition_variable come;
    std::optional<T> value;
  };
  const auto to = std::make_shared<box>();
  start([to](T x) {
    const std::lock_guard guard{to->mutex};
    to->value = std::move(x);
    to->come.notify_all();
  });
  std::unique_lock guard{to->mutex};
  if (!to->come.wait_for(guard, 60s, [&] { return to->value.has_value(); }))
    throw std::runtime_error{"no answer came"};
  return *to->value;
}

struct chaos {
  chaos() : topology(config::make_topology(limited())), uut(topology, 2) {
    uut.set_restart_limits({1'000'000, 10s, 1'000'000}, {3, 60s});
  }

  /// One request from its first question to its end. @returns Whether it was admitted.
  bool call() {
    policy::ask_admission x;
    x.hold = uut.new_hold();
    x.route = {id_of("pool/p")};
    auto got = ask(x);
    while (got.why == refusal::saturated) {
      policy::wait_turn turn{got.by, {x.hold, 5, policy::clock::now() + 60s, policy::clock::now()}};
      const auto why = awaited<refusal>([&](auto then) { uut.wait(turn, std::move(then)); });
      release(x.hold, got.trail, outcome::neutral, true); // Nothing is held above.
      if (why != refusal::none) return false;
      got = ask(x);
      if (got.why != refusal::none)
        uut.tell({turn.actor, {x.hold, outcome::neutral, true, -1, {}}, 0});
    }
    if (got.why != refusal::none) {
      uut.give_back(x, got);
      return false;
    }
    const auto now = ++running;
    for (auto seen = most.load(); now > seen && !most.compare_exchange_weak(seen, now);) {
    }
    std::this_thread::yield();
    --running;
    release(x.hold, got.trail, outcome::success, false);
    return true;
  }

  policy::admission_answer ask(const policy::ask_admission& x) {
    return awaited<policy::admission_answer>([&](auto then) { uut.ask(x, std::move(then)); });
  }
  void release(policy::hold_id hold, const std::vector<policy::path_id>& trail, outcome result,
               bool refund) {
    for (const auto actor : trail)
      uut.tell({actor, {hold, result, refund, -1, {}}, 0});
  }
  messages::actor_state state(const std::string& path) {
    return *awaited<std::optional<messages::actor_state>>(
        [&](auto then) { uut.state(id_of(path), std::move(then)); });
  }

  policy::topology_ptr topology;
  actors::hierarchy uut;
  std::atomic<std::uint32_t> running{0}, most{0};
};

} // namespace

TEST_CASE("each kind of actor is disturbed 200 times under load: every request is answered, no "
          "permit leaks, no limit is passed, breakers stay",
          "[actors][chaos]") {
  chaos world;
  // Something for a breaker to remember: three failures of a model that nobody asks.
  for (int i = 0; i < 3; ++i)
    world.uut.tell({id_of("model/c-1"), {0, outcome::failure, false, -1, {}}, 0});
  const auto before = world.state("model/c-1").failures;
  std::atomic<bool> over{false};
  std::atomic<std::uint64_t> admitted{0}, refused{0}, lost{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < callers; ++i)
    threads.emplace_back([&] {
      while (!over)
        try {
          ++(world.call() ? admitted : refused);
        } catch (const std::exception&) {
          ++lost;
          return;
        }
    });
  std::vector<std::string> paths;
  for (const auto& [id, spec] : world.topology->actors)
    paths.push_back(spec.path);
  std::sort(paths.begin(), paths.end());
  const auto levels = paths.size();
  paths.push_back("supervisor");
  std::mt19937_64 random{7};
  constexpr disturbance kinds[] = {disturbance::kill,         disturbance::kill,
                                   disturbance::throw_before, disturbance::throw_after,
                                   disturbance::pause,        disturbance::fill};
  std::vector<std::size_t> turns;
  for (std::size_t i = 0; i < paths.size() * 200; ++i)
    turns.push_back(i % paths.size());
  std::shuffle(turns.begin(), turns.end(), random);
  for (const auto i : turns) {
    const auto kind = i == levels ? disturbance::kill : kinds[random() % std::size(kinds)];
    const auto target = admitted.load() + refused.load() + 1;
    CHECK(world.uut.disturb(id_of(paths[i]), kind, 2));
    // The next comes when somebody got on, so that all of it is under load.
    const auto give_up = policy::clock::now() + 60s;
    while (admitted + refused < target && lost == 0 && policy::clock::now() < give_up)
      std::this_thread::yield();
  }
  over = true;
  for (auto& x : threads)
    x.join();
  INFO("admitted " << admitted << ", refused " << refused << ", restarts "
                   << world.uut.supervision().restarts);
  CHECK(lost == 0);
  CHECK(refused * 100 <= admitted); // Whose message was hit again and again, if any.
  CHECK(admitted > turns.size() / 2);
  CHECK(world.most <= limit);
  CHECK(world.uut.supervision().restarts > turns.size() / 4);
  CHECK(world.uut.supervision().supervisors > 100);
  paths.resize(levels);
  for (const auto& path : paths) {
    const auto s = world.state(path);
    INFO(path);
    CHECK(s.permits_used == 0);
    CHECK(s.waiting == 0);
    CHECK(s.restarts > 20);
  }
  CHECK(world.state("model/c-1").failures == before);
}

TEST_CASE("faults of a level on the thread that asks: the next life answers", "[actors][chaos]") {
  chaos world;
  for (const auto* path : {"pool/p", "group/g", "echelon/g.t1", "model/a-1", "model/b-1"})
    for (const auto kind : {disturbance::throw_before, disturbance::throw_after, disturbance::kill,
                            disturbance::pause, disturbance::fill}) {
      INFO(path << ", " << static_cast<int>(kind));
      REQUIRE(world.uut.disturb(id_of(path), kind, 20));
      CHECK(world.call()); // Both models have had their turn after two.
      CHECK(world.call());
    }
  for (const auto* path : {"pool/p", "group/g", "echelon/g.t1", "model/a-1", "model/b-1"}) {
    INFO(path);
    const auto s = world.state(path);
    CHECK(s.permits_used == 0);
    CHECK(s.restarts == 3);
  }
}

TEST_CASE("an actor that goes on dying takes all with it, then the node gives up and refuses",
          "[actors][chaos]") {
  chaos world;
  world.uut.set_restart_limits({2, 1h}, {1, 1h});
  std::atomic<int> failures{0};
  world.uut.on_failure([&] { ++failures; });
  const auto give_up = policy::clock::now() + 60s;
  while (!world.uut.supervision().failed && policy::clock::now() < give_up) {
    world.uut.kill(id_of("model/a-1"));
    std::this_thread::yield();
  }
  const auto x = world.uut.supervision();
  CHECK(x.failed);
  CHECK(x.escalations == 1);
  CHECK(x.restarts >= 5);
  policy::ask_admission q;
  q.hold = 1;
  q.route = {id_of("pool/p")};
  CHECK(world.ask(q).why == refusal::unavailable);
  while (failures == 0 && policy::clock::now() < give_up)
    std::this_thread::yield();
  CHECK(failures == 1);
}
