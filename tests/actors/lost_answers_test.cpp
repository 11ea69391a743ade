// Answers that get lost between nodes: requests do not go round in circles, and what was taken on
// the way comes back.
#include "tests/actors/world.hpp"

#include <catch2/catch.hpp>

using namespace echelon;
using namespace echelon::test;
using namespace echelon::policy;

namespace {

const time_point t0{1000h};

config::RouterConfig pool_of_two() {
  config::RouterConfig c;
  add_group(c, "g", {tier("t1", {"a-1"}, 3)});
  add_group(c, "h", {tier("t1", {"b-1"})});
  config::pool_config p;
  p.name = "p";
  p.members = {{"g", ""}, {"h", ""}};
  p.weights = {1, 1};
  c.pools.push_back(p);
  return c;
}

struct request {
  explicit request(const config::RouterConfig& c, const std::string& target,
                   std::function<hold_id()> next_hold = nullptr)
      : topology(config::make_topology(c)), plan(topology->targets.at(target)),
        core(plan, topology, {t0 + 10s, 5, 10, nullptr, std::move(next_hold)}, 1, 1) {}
  policy::topology_ptr topology;
  std::shared_ptr<const policy::plan> plan;
  dispatch core;
};

admission_answer nobody(path_id by) {
  admission_answer x;
  x.why = refusal::unavailable;
  x.by = by;
  return x;
}

} // namespace

TEST_CASE("a request to a pool ends when no answer tells which member was chosen", "[lost]") {
  request r{pool_of_two(), "p"};
  auto next = r.core.begin(t0);
  std::size_t asks = 0;
  while (std::holds_alternative<ask_admission>(next)) {
    REQUIRE(++asks < 10);
    next = r.core.on_admission(nobody(id_of(asks % 2 == 1 ? "group/g" : "group/h")), t0);
  }
  REQUIRE(std::holds_alternative<give_up>(next));
  CHECK(std::get<give_up>(next).why == give_up::kind::unavailable);
}

TEST_CASE("who had many vain turns stands back once a turn, and waits in the queue again",
          "[lost]") {
  request r{pool_of_two(), "g"};
  auto next = r.core.begin(t0);
  auto now = t0;
  std::vector<std::string> went;
  for (int i = 0; i < 40 && went.size() < 16; ++i) {
    if (std::holds_alternative<ask_admission>(next)) {
      admission_answer full;
      full.why = refusal::saturated;
      full.by = id_of("group/g");
      next = r.core.on_admission(full, now);
    } else if (std::holds_alternative<wait_turn>(next)) {
      went.push_back("wait");
      next = r.core.on_turn(refusal::none, now);
    } else if (const auto* s = std::get_if<sleep_until>(&next)) {
      went.push_back("sleep");
      now = s->when;
      next = r.core.on_slept(now);
    }
  }
  REQUIRE(went.size() == 16);
  for (std::size_t i = 1; i < went.size(); ++i)
    CHECK_FALSE((went[i - 1] == "sleep" && went[i] == "sleep"));
  CHECK(std::count(went.begin(), went.end(), "sleep") > 3);
}

TEST_CASE("each further ask of a request has an id of its own, and what is held keeps its own",
          "[lost]") {
  hold_id last = 100;
  request r{pool_of_two(), "g", [&] { return ++last; }};
  auto next = r.core.begin(t0);
  const auto first = std::get<ask_admission>(next);
  CHECK(first.hold == 1);
  admission_answer yes;
  yes.by = id_of("model/a-1");
  yes.trail = {id_of("group/g"), id_of("echelon/g.t1"), id_of("model/a-1")};
  yes.order = {id_of("model/a-1")};
  next = r.core.on_admission(yes, t0);
  REQUIRE(std::holds_alternative<start_attempt>(next));
  CHECK(r.core.failure_release(failure_class::server_error, {}, -1).release.id == 1);
  next = r.core.on_failure({failure_class::server_error, {}, false, -1, {}}, t0);
  if (const auto* s = std::get_if<sleep_until>(&next)) next = r.core.on_slept(s->when);
  CHECK(std::get<ask_admission>(next).hold == 101);
  for (const auto& x : r.core.take_releases())
    CHECK(x.release.id == 1);
}

TEST_CASE("who waits where nobody is any more gives its place back and asks anew", "[lost]") {
  hold_id last = 100;
  request r{pool_of_two(), "g", [&] { return ++last; }};
  admission_answer full;
  full.why = refusal::saturated;
  full.by = id_of("group/g");
  static_cast<void>(r.core.begin(t0));
  auto next = r.core.on_admission(full, t0);
  const auto place = std::get<wait_turn>(next).who.id;
  static_cast<void>(r.core.take_releases());
  next = r.core.on_turn(refusal::unavailable, t0);
  const auto given_back = r.core.take_releases();
  REQUIRE(given_back.size() == 1);
  CHECK(given_back.front().actor == id_of("group/g"));
  CHECK(given_back.front().release.id == place);
  // Later, not at once: the owner is on its way.
  const auto when = std::get<sleep_until>(next).when;
  CHECK(when > t0);
  next = r.core.on_slept(when);
  CHECK(std::get<ask_admission>(next).route.front() == id_of("group/g"));
  // Not for ever.
  next = r.core.on_admission(full, t0 + 10s - 1ms);
  next = r.core.on_turn(refusal::unavailable, t0 + 10s - 1ms);
  CHECK(std::get<give_up>(next).why == give_up::kind::deadline);
}
