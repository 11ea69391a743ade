// What may begin, as far as other nodes know what this gateway holds.
#include "actors/holdings.hpp"
#include "tests/actors/world.hpp"

#include <catch2/catch.hpp>

using namespace echelon;
using namespace echelon::test;
using policy::id_of;

namespace {

const policy::time_point t0{1000h};
const std::vector<policy::path_id> trail{id_of("group/g"), id_of("echelon/g.t1"),
                                         id_of("model/a-1")};

struct gateway {
  explicit gateway(std::uint32_t limit) {
    config::RouterConfig c;
    add_group(c, "g", {tier("t1", {"a-1"})});
    c.groups[0].tiers[0].concurrency_limit = limit;
    uut.apply(config::make_topology(c));
    uut.set_wake([this] { ++woken; });
  }
  /// A call that was granted; it counts itself when it may begin or must go back.
  void grant(policy::hold_id hold, policy::time_point now) {
    policy::ask_admission asked;
    asked.hold = hold;
    if (uut.granted(asked, trail, now)) {
      ++begun;
      return;
    }
    uut.when_known(hold, trail, now, [this](bool may) { ++(may ? begun : given_back); });
  }
  void end(policy::hold_id hold) {
    for (const auto id : trail)
      uut.ended({id, {hold, policy::outcome::success, false, -1, {}}, 0});
  }
  /// The ceiling of the tier, which alone is limited.
  static std::int64_t permits(const std::optional<messages::ceilings>& x) {
    REQUIRE(x);
    if (x->of.empty()) return 0;
    REQUIRE(x->of.size() == 1);
    CHECK(x->of[0].actor == id_of("echelon/g.t1"));
    return x->of[0].permits;
  }

  actors::holdings uut;
  int begun = 0, given_back = 0, woken = 0;
};

} // namespace

TEST_CASE("a call begins when enough other nodes know that it may run", "[known]") {
  gateway g{10};
  CHECK_FALSE(g.uut.tell(t0));
  g.grant(1, t0);
  CHECK(g.begun == 0);
  CHECK(g.woken == 1);
  const auto first = g.uut.tell(t0);
  CHECK(gateway::permits(first) == 2);
  g.grant(2, t0);
  g.grant(3, t0);
  CHECK(g.woken == 1);            // What is under way decides first.
  CHECK_FALSE(g.uut.tell(t0));    // One thing after the other.
  g.uut.known(first->number + 1); // Nobody has been told that.
  CHECK(g.begun == 0);
  g.uut.known(first->number);
  CHECK(g.begun == 2);
  const auto second = g.uut.tell(t0);
  CHECK(gateway::permits(second) == 4);
  g.uut.known(second->number);
  CHECK(g.begun == 3);
  g.grant(4, t0);
  CHECK(g.begun == 4); // At once.
  g.grant(5, t0);
  CHECK(g.begun == 4);
  g.end(1); // Makes room.
  CHECK(g.begun == 5);
  CHECK(g.given_back == 0);
}

TEST_CASE("what got lost is told again, and who waits too long goes back", "[known]") {
  gateway g{10};
  g.grant(1, t0);
  const auto lost = g.uut.tell(t0);
  CHECK_FALSE(g.uut.tell(t0 + 249ms));
  const auto again = g.uut.tell(t0 + 250ms);
  CHECK(gateway::permits(again) == 2);
  CHECK(again->number == lost->number + 1);
  g.uut.known(lost->number); // Late: those who have heard the newer one go by that.
  CHECK(g.begun == 0);
  g.grant(2, t0 + 1s);
  g.uut.expire(t0 + 1ms);
  CHECK((g.begun == 0 && g.given_back == 1));
  g.end(1);
  g.uut.known(again->number);
  CHECK((g.begun == 1 && g.given_back == 1));
}

TEST_CASE("ceilings fall when nothing runs for some seconds", "[known]") {
  gateway g{10};
  g.grant(1, t0);
  g.uut.known(g.uut.tell(t0)->number);
  REQUIRE(g.begun == 1);
  g.end(1);
  std::int64_t told = 2;
  for (auto now = t0; now < t0 + 3s; now += 250ms)
    if (const auto x = g.uut.tell(now)) {
      told = gateway::permits(x);
      g.uut.known(x->number);
    }
  CHECK(told == 0);
}

TEST_CASE("in a new view all is told anew, and nothing begins if those who knew may be gone",
          "[known]") {
  gateway g{10};
  g.grant(1, t0);
  g.uut.known(g.uut.tell(t0)->number);
  g.uut.renew(false);
  g.grant(2, t0);
  CHECK(g.begun == 2); // Still known to enough.
  CHECK(g.uut.tell(t0));
  g.uut.renew(true);
  const auto anew = g.uut.tell(t0);
  CHECK(gateway::permits(anew) >= 2);
  g.end(1);
  g.grant(3, t0);
  CHECK(g.begun == 2);
  g.uut.known(anew->number);
  CHECK(g.begun == 3);
}

TEST_CASE("where nobody is to be told, and where nothing is limited, all begins at once",
          "[known]") {
  gateway g{2};
  g.uut.set_wake(nullptr);
  g.grant(1, t0);
  CHECK(g.begun == 1);
  policy::ask_admission asked;
  asked.hold = 2;
  gateway open{2};
  CHECK(open.uut.granted(asked, {id_of("group/g"), id_of("model/a-1")}, t0));
}
