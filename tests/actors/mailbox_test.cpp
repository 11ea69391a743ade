// What waits in the mailbox of an actor that reads nothing: no more than one message of each
// request.
#include "actors/hierarchy.hpp"
#include "actors/internals.hpp"
#include "tests/actors/world.hpp"

#include <catch2/catch.hpp>

#include <condition_variable>
#include <mutex>
#include <thread>

using namespace echelon;
using namespace echelon::test;
using policy::hold_id;
using policy::id_of;
using policy::outcome;
using policy::refusal;

namespace {

constexpr std::uint32_t permits = 3;
constexpr std::size_t waiting = 20;
constexpr std::size_t asking = 100;

/// Each request goes by the router's other levels to the tier that is shut in between.
struct shut_tier {
  shut_tier() : uut(config::make_topology(settings()), 2) {}

  static config::RouterConfig settings() {
    config::RouterConfig c;
    add_group(c, "g", {tier("t1", {"a-1"})});
    c.groups[0].tiers[0].concurrency_limit = permits;
    c.default_queue = waiting;
    return c;
  }

  /// Asks for a new request; its answer is told to arrived().
  hold_id ask() {
    policy::ask_admission x;
    x.hold = uut.new_hold();
    x.route = {id_of("group/g"), tier_id};
    uut.ask(x, [this, hold = x.hold](const policy::admission_answer& got) { arrived(hold, got); });
    return x.hold;
  }
  void arrived(hold_id hold, const policy::admission_answer& got) {
    const std::lock_guard guard{mutex};
    answers[hold] = got;
    come.notify_all();
  }
  policy::admission_answer answer(hold_id hold) {
    std::unique_lock guard{mutex};
    if (!come.wait_for(guard, 60s, [&] { return answers.count(hold) != 0; }))
      throw std::runtime_error{"no answer came"};
    return answers[hold];
  }
  void end(hold_id hold, outcome result, bool refund) {
    for (const auto actor : answers[hold].trail)
      uut.tell({actor, {hold, result, refund, -1, {}}, 0});
  }
  /// Until so many messages wait at the tier; more never do.
  bool kept(std::size_t count) {
    const auto give_up = policy::clock::now() + 60s;
    auto seen = children->kept(tier_id);
    while (seen < count && policy::clock::now() < give_up) {
      std::this_thread::yield();
      seen = children->kept(tier_id);
    }
    INFO(seen);
    return seen == count;
  }

  policy::path_id tier_id = id_of("echelon/g.t1");
  std::mutex mutex;
  std::condition_variable come;
  std::map<hold_id, policy::admission_answer> answers;
  actors::hierarchy uut;
  std::shared_ptr<actors::family> children = uut.inside().children;
};

} // namespace

TEST_CASE("a mailbox that is not read holds one message of each request, whatever became of it",
          "[actors][mailbox]") {
  shut_tier world;
  std::vector<hold_id> running, queued, late;
  for (std::uint32_t i = 0; i < permits; ++i) {
    running.push_back(world.ask());
    REQUIRE(world.answer(running.back()).why == refusal::none);
  }
  for (std::size_t i = 0; i < waiting; ++i) {
    queued.push_back(world.ask());
    REQUIRE(world.answer(queued.back()).why == refusal::saturated);
  }
  REQUIRE(world.uut.disturb(world.tier_id, actors::disturbance::pause, 60'000));
  REQUIRE(world.kept(0));

  // Those that were refused wait for their turn there, and those that run end.
  for (const auto hold : queued)
    world.uut.wait({world.tier_id, {hold, 5, policy::clock::now() + 60s, policy::clock::now()}},
                   [&world, hold](refusal why) {
                     policy::admission_answer x;
                     x.why = why;
                     x.trail = {world.tier_id};
                     world.arrived(hold, x);
                   });
  world.answers.clear();
  CHECK(world.kept(waiting));
  for (const auto hold : running)
    world.uut.tell({world.tier_id, {hold, outcome::success, false, -1, {}}, 0});
  CHECK(world.kept(waiting + permits));
  // New ones come as far as the tier, and wait for its answer: none asks twice.
  for (std::size_t i = 0; i < asking; ++i)
    late.push_back(world.ask());
  CHECK(world.kept(waiting + permits + asking));

  world.children->open(world.tier_id);
  CHECK(world.kept(0));
  for (const auto hold : queued) {
    CHECK(world.answer(hold).why == refusal::none);
    world.end(hold, outcome::neutral, true); // The next one's turn.
  }
  for (const auto hold : late)
    CHECK(world.answer(hold).why == refusal::saturated);
}
