#include "network.hpp"

#include <catch2/catch.hpp>

namespace echelon::test {
namespace {

std::vector<std::string> names_of(const messages::view& x) {
  std::vector<std::string> found;
  for (const auto& m : x.members)
    found.push_back(m.node);
  return found;
}

/// Everyone agrees on `names`, and each placement is served by its one owner.
void check_whole(network& x, const std::vector<std::string>& names) {
  for (const auto& name : names) {
    INFO("node " << name);
    REQUIRE(x.nodes.count(name) == 1);
    CHECK(names_of(x.nodes[name]->core->current()) == names);
  }
  for (auto key : x.keys) {
    const auto* owner = owner_of(x.nodes[names[0]]->core->current(), key);
    REQUIRE(owner != nullptr);
    CHECK(x.servers(key) == std::vector<std::string>{owner->node});
  }
}

struct three : network {
  three() : network(3, 1) {
    for (const auto& name : names)
      start(name);
    run(5s);
  }
};

} // namespace

TEST_CASE("rendezvous hashing moves only what a node gains or loses, and spreads evenly",
          "[cluster]") {
  messages::view two, three;
  two.members = {{"a", 1, "", 1}, {"b", 1, "", 2}};
  three.members = {{"a", 1, "", 1}, {"b", 1, "", 2}, {"c", 1, "", 3}};
  std::map<std::string, int> load;
  for (int i = 0; i < 3000; ++i) {
    const auto key = policy::id_of("model/m" + std::to_string(i));
    const auto before = owner_of(two, key)->node, after = owner_of(three, key)->node;
    CHECK((after == before || after == "c"));
    ++load[after];
  }
  for (const auto& [name, n] : load) {
    INFO(name << " owns " << n);
    CHECK(n > 900);
    CHECK(n < 1100);
  }
}

TEST_CASE("any two quorums of a view share a node", "[cluster]") {
  for (std::uint32_t size = 1; size <= 6; ++size) {
    messages::view v;
    v.size = size;
    for (std::uint32_t i = 0; i < size; ++i)
      v.voters.push_back(std::string(1, static_cast<char>('a' + i)));
    for (std::uint32_t one = 0; one < (1U << size); ++one)
      for (std::uint32_t other = 0; other < (1U << size); ++other) {
        if ((one & other) != 0) continue;
        std::set<std::string> a, b;
        for (std::uint32_t i = 0; i < size; ++i) {
          if ((one >> i & 1U) != 0) a.insert(v.voters[i]);
          if ((other >> i & 1U) != 0) b.insert(v.voters[i]);
        }
        CHECK_FALSE((is_quorum(v, a) && is_quorum(v, b)));
      }
  }
}

TEST_CASE("three nodes found one cluster and share the placements", "[cluster]") {
  three x;
  check_whole(x, {"a", "b", "c"});
  CHECK(x.chain.begin()->second.size == 3);
}

TEST_CASE("a node by itself is a cluster of one, and one without its quorum serves nothing",
          "[cluster]") {
  network alone{1, 1};
  alone.start("a");
  alone.run(2s);
  check_whole(alone, {"a"});
  network minority{3, 1};
  minority.start("a");
  minority.run(10s);
  for (auto key : minority.keys)
    CHECK(minority.servers(key).empty());
}

TEST_CASE("a node that crashes is replaced within the detection time and a second", "[cluster]") {
  three x;
  x.crash("b");
  x.run(4500ms);
  check_whole(x, {"a", "c"});
  x.start("b");
  x.run(3s);
  check_whole(x, {"a", "b", "c"});
}

TEST_CASE("a node that wakes from a freeze does not serve what others serve now", "[cluster]") {
  three x;
  x.freeze("a", true);
  x.run(10s);
  check_whole(x, {"b", "c"});
  x.freeze("a", false);
  for (auto key : x.keys)
    CHECK(x.servers(key)
          == std::vector<std::string>{owner_of(x.nodes["b"]->core->current(), key)->node});
  x.run(5s);
  check_whole(x, {"a", "b", "c"});
  CHECK(x.violation.empty());
}

TEST_CASE("the minority of a split stops before the majority takes over, and joins again",
          "[cluster]") {
  three x;
  for (const auto* other : {"b", "c"}) {
    x.cuts.insert({"a", other});
    x.cuts.insert({other, "a"});
  }
  x.run(10s);
  for (auto key : x.keys)
    CHECK(x.servers(key)
          == std::vector<std::string>{owner_of(x.nodes["b"]->core->current(), key)->node});
  CHECK(names_of(x.nodes["b"]->core->current()) == std::vector<std::string>{"b", "c"});
  x.cuts.clear();
  x.run(5s);
  check_whole(x, {"a", "b", "c"});
  CHECK(x.violation.empty());
}

// The quorum by whose word b acts is of the view before; the one that leaves b out needs none of
// it.
TEST_CASE(
    "a member that has not heard of a smaller cluster has stopped before that one leaves it out",
    "[cluster]") {
  for (const auto gone_for : {500ms, 1000ms, 1500ms, 2000ms}) {
    INFO("b has been cut off from a for " << gone_for.count() << " ms");
    three x;
    x.cuts = {{"a", "b"}, {"b", "a"}};
    x.run(gone_for);
    x.nodes["c"]->core->leave();
    for (int i = 0; i < 40 && x.nodes["a"]->core->current().members.size() == 3; ++i)
      x.run(50ms);
    REQUIRE(names_of(x.nodes["a"]->core->current()) == std::vector<std::string>{"a", "b"});
    x.crash("c");
    x.run(10s);
    CHECK(x.violation.empty());
    CHECK(names_of(x.nodes["a"]->core->current()) == std::vector<std::string>{"a"});
  }
}

TEST_CASE("of two halves the one with the first node goes on", "[cluster]") {
  network x{2, 1};
  x.start("a");
  x.start("b");
  x.run(5s);
  check_whole(x, {"a", "b"});
  SECTION("the second dies") {
    x.crash("b");
    x.run(5s);
    check_whole(x, {"a"});
  }
  SECTION("the first dies") {
    x.crash("a");
    x.run(5s);
    for (auto key : x.keys)
      CHECK(x.servers(key).empty());
  }
}

TEST_CASE("a node that leaves hands over and is gone from the quorum", "[cluster]") {
  three x;
  x.nodes["b"]->core->leave();
  x.run(2s);
  const auto& v = x.nodes["a"]->core->current();
  CHECK(names_of(v) == std::vector<std::string>{"a", "c"});
  CHECK(v.size == 2);
  x.crash("b");
  x.run(1s);
  check_whole(x, {"a", "c"});
}

TEST_CASE("a stranger is refused with a reason, once", "[cluster]") {
  three x;
  auto& core = *x.nodes["a"]->core;
  static_cast<void>(core.take_notes());
  messages::beat other;
  other.cluster = "another";
  other.from = {"z", 1, "z:1", 9};
  for (int i = 0; i < 3; ++i)
    core.receive(other, x.now);
  other.cluster = "test";
  other.protocol = 99;
  core.receive(other, x.now);
  const auto notes = core.take_notes();
  REQUIRE(notes.size() == 2);
  CHECK(notes[0].find("is of cluster 'another', not 'test'") != std::string::npos);
  CHECK(notes[1].find("speaks cluster protocol 99") != std::string::npos);
  x.run(5s);
  check_whole(x, {"a", "b", "c"});
}

TEST_CASE("what another chain of views is to go on with is not agreed to", "[cluster]") {
  three x;
  auto& core = *x.nodes["a"]->core;
  const auto agrees_to = [&](std::uint64_t origin, std::uint64_t round) {
    messages::accept_view question{
        x.nodes["b"]->core->settings().self, core.settings().self, {round, "b"}, core.current()};
    question.value.origin = origin;
    question.value.before = question.value.members;
    ++question.value.epoch;
    static_cast<void>(core.take_outgoing());
    core.receive(question, x.now);
    const auto out = core.take_outgoing();
    return std::any_of(out.begin(), out.end(), [](const auto& m) {
      return std::holds_alternative<messages::view_accepted>(m.what);
    });
  };
  const auto own = core.current().origin;
  CHECK_FALSE(agrees_to(own + 1, 100));
  CHECK(agrees_to(own, 101));
}

TEST_CASE("through crashes, freezes, cuts and loss no placement has two masters, and all heals",
          "[cluster][properties]") {
  const auto [first, last] = seeds_to_run(3000);
  std::uint64_t views = 0;
  for (auto seed = first; seed <= last; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random{seed};
    const auto pick = [&](std::uint64_t n) { return random() % n; };
    network x{3 + pick(3), seed};
    start_badly(x, pick, 20, 4s);
    for (int i = 0; i < 12; ++i) {
      const auto& name = x.names[pick(x.names.size())];
      switch (const auto what = pick(6)) {
      case 4: x.cuts.insert({name, x.names[pick(x.names.size())]}); break;
      case 5: x.cuts.clear(); break;
      default: befall(x, name, what);
      }
      x.run(std::chrono::milliseconds{pick(4000)});
      if (!x.violation.empty()) break;
    }
    x.cuts.clear();
    x.loss = 0;
    for (const auto& name : x.names) {
      if (x.nodes.count(name) == 0) x.start(name);
      x.freeze(name, false);
    }
    x.run(25s);
    INFO(x.violation << "at last\n" << x.describe());
    REQUIRE(x.violation.empty());
    check_whole(x, x.names);
    views += x.chain.size();
  }
  if (first != last) CHECK(views > 3 * (last - first + 1)); // Things did happen.
}

} // namespace echelon::test
