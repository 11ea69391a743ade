#include "cluster/scaled_membership.hpp"
#include "network.hpp"

#include <catch2/catch.hpp>

#include <deque>

namespace echelon::test {
namespace {

constexpr std::size_t limit = 12; ///< Starts in any window, of each placement.
constexpr policy::duration window = 6s;

/// Nodes that go on in sides. Whoever serves a placement starts as much as its share lets it.
class split_network : public network {
public:
  using network::network;

  /// Parts on which nodes act now, by stance.
  std::map<std::uint64_t, policy::share> acting() {
    std::map<std::uint64_t, policy::share> found;
    for (auto& [name, x] : nodes)
      if (acts(*x)) found[stance_of(*x)] = x->core->part();
    return found;
  }
  void cut(const std::set<std::string>& one) {
    for (const auto& a : names)
      for (const auto& b : names)
        if (one.count(a) != one.count(b)) cuts.insert({a, b});
  }
  std::map<policy::path_id, std::deque<policy::time_point>> starts; ///< What really started.

protected:
  std::unique_ptr<membership> make(const membership_settings& s) override {
    return std::make_unique<scaled_membership>(s);
  }

  void check() override {
    if (!violation.empty()) return;
    check_stances();
    std::map<std::pair<std::uint64_t, policy::path_id>, std::string> served;
    for (auto& [name, x] : nodes) {
      if (!acts(*x)) continue;
      for (auto key : keys) {
        if (!x->tenures.serves(key)) continue;
        const auto [i, fresh] = served.emplace(std::pair{stance_of(*x), key}, name);
        if (!fresh) violation = "both " + i->second + " and " + name + " serve\n" + describe();
        start_some(name, *x, key);
      }
    }
  }

private:
  struct memory {
    std::string owner;
    std::deque<policy::time_point> starts;
  };
  bool acts(node& x) { return !x.frozen && now < x.core->lease_until(now); }

  /// While a view of the chain follows another one, both are the whole: what moves from one owner
  /// to the next is served by neither.
  static std::uint64_t stance_of(const node& x) {
    return x.core->part().whole() ? 0 : x.core->current().id;
  }

  void check_stances() {
    std::map<std::uint64_t, std::set<std::string>> stances;
    double sum = 0;
    for (auto& [name, x] : nodes) {
      if (!acts(*x)) continue;
      const auto part = x->core->part();
      auto& members = stances[stance_of(*x)];
      if (members.empty()) sum += static_cast<double>(part.members) / static_cast<double>(part.of);
      for (const auto& m : x->core->current().members)
        members.insert(m.node);
    }
    std::set<std::string> seen;
    for (const auto& [id, members] : stances)
      for (const auto& node : members)
        if (!seen.insert(node).second) violation = "two stances with " + node + " act\n";
    if (sum > 1 + 1e-9) violation += "the shares add up to " + std::to_string(sum) + "\n";
    if (!violation.empty()) violation += describe();
  }

  /// As a sliding window does; what was rebuilt starts as spent.
  void start_some(const std::string& name, node& x, policy::path_id key) {
    auto& handle = x.values[key];
    if (handle == 0) {
      handle = ++last_;
      memories_[handle] = {name, std::deque<policy::time_point>(limit, now)};
    } else if (memories_[handle].owner != name) {
      memories_[++last_] = {name, memories_[handle].starts};
      handle = last_;
    }
    auto& own = memories_[handle].starts;
    while (!own.empty() && now - own.front() > window)
      own.pop_front();
    const auto part = x.core->part();
    const auto share = limit * part.members / part.of;
    auto& all = starts[key];
    for (int i = 0; i < 3 && own.size() < share; ++i) {
      own.push_back(now);
      all.push_back(now);
    }
    while (!all.empty() && now - all.front() > window)
      all.pop_front();
    if (all.size() > limit)
      violation = std::to_string(all.size()) + " started within a window, at last by " + name + "\n"
                  + describe();
  }

  std::map<std::uint64_t, memory> memories_;
  std::uint64_t last_ = 0;
};

void check_whole(split_network& x, const std::vector<std::string>& names) {
  CHECK(x.violation.empty());
  for (const auto& name : names) {
    INFO("node " << name);
    REQUIRE(x.nodes.count(name) == 1);
    std::vector<std::string> members;
    for (const auto& m : x.nodes[name]->core->current().members)
      members.push_back(m.node);
    CHECK(members == names);
    CHECK(x.nodes[name]->core->part().whole());
  }
  for (auto key : x.keys) {
    const auto* owner = owner_of(x.nodes[names[0]]->core->current(), key);
    REQUIRE(owner != nullptr);
    CHECK(x.servers(key) == std::vector<std::string>{owner->node});
  }
}

struct three : split_network {
  three() : split_network(3, 1) {
    for (const auto& name : names)
      start(name);
    run(6s);
  }
};

using parts = std::vector<std::pair<std::size_t, std::size_t>>;

parts parts_of(split_network& x) {
  parts found;
  for (const auto& [id, part] : x.acting())
    found.emplace_back(part.members, part.of);
  std::sort(found.begin(), found.end());
  return found;
}

} // namespace

TEST_CASE("with all nodes there, scale is as strict", "[cluster][scale]") {
  three x;
  check_whole(x, {"a", "b", "c"});
  CHECK(parts_of(x) == parts{{1, 1}});
}

TEST_CASE("each side of a split goes on with its share, and the whole is one again when it heals",
          "[cluster][scale]") {
  three x;
  x.cut({"a"});
  x.run(2100ms);
  CHECK(parts_of(x).empty()); // Nobody acts until the other side must have noticed too.
  x.run(3900ms);
  CHECK(parts_of(x) == parts{{1, 3}, {2, 3}});
  x.run(20s);
  CHECK(parts_of(x) == parts{{1, 3}, {2, 3}});
  CHECK(x.servers(x.keys[0]).size() == 2); // One on each side.
  x.cuts.clear();
  x.run(5s);
  check_whole(x, {"a", "b", "c"});
}

TEST_CASE("a side splits again, and three sides have a third each", "[cluster][scale]") {
  three x;
  x.cut({"a"});
  x.run(8s);
  x.cut({"b"});
  x.run(8s);
  CHECK(parts_of(x) == parts{{1, 3}, {1, 3}, {1, 3}});
  x.cuts.clear();
  x.run(5s);
  check_whole(x, {"a", "b", "c"});
}

TEST_CASE("of nodes in a chain those that hear each other are a side", "[cluster][scale]") {
  three x;
  x.cuts = {{"a", "c"}, {"c", "a"}};
  x.run(8s);
  CHECK(parts_of(x) == parts{{1, 3}, {2, 3}});
  CHECK(x.nodes["b"]->core->current().members.size() == 2);
  SECTION("one way is no way") {
    x.cuts = {{"c", "a"}};
    x.run(8s);
    CHECK(parts_of(x) == parts{{1, 3}, {2, 3}});
  }
  x.cuts.clear();
  x.run(5s);
  check_whole(x, {"a", "b", "c"});
}

TEST_CASE("a node that dies takes its share along until it starts again", "[cluster][scale]") {
  three x;
  x.crash("c");
  x.run(30s);
  CHECK(parts_of(x) == parts{{2, 3}});
  x.start("c");
  x.run(8s);
  check_whole(x, {"a", "b", "c"});
}

TEST_CASE("a node that leaves takes no share along, and a fourth that joins changes them",
          "[cluster][scale]") {
  three x;
  x.nodes["b"]->core->leave();
  x.run(3s);
  x.crash("b");
  x.run(1s);
  check_whole(x, {"a", "c"});
  x.cut({"a"});
  x.run(8s);
  CHECK(parts_of(x) == parts{{1, 2}, {1, 2}});
  x.cuts.clear();
  x.start("b");
  x.run(8s);
  check_whole(x, {"a", "b", "c"});
}

TEST_CASE("a node that leaves while it is cut off goes to no side", "[cluster][scale]") {
  three x;
  x.cut({"a"});
  x.run(8s);
  x.nodes["a"]->core->leave();
  x.run(1s);
  CHECK(parts_of(x) == parts{{2, 3}});
}

TEST_CASE("through splits, crashes, freezes and loss no limit is exceeded, and all heals",
          "[cluster][scale][properties]") {
  const auto [first, last] = seeds_to_run(300);
  for (auto seed = first; seed <= last; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random{seed};
    const auto pick = [&](std::uint64_t n) { return random() % n; };
    split_network x{2 + pick(4), seed};
    start_badly(x, pick, 15, 6s);
    for (int i = 0; i < 14; ++i) {
      const auto& name = x.names[pick(x.names.size())];
      switch (const auto what = pick(9)) {
      case 4: x.cuts.insert({name, x.names[pick(x.names.size())]}); break;
      case 5: x.cut({name}); break;
      case 6: x.cut({name, x.names[pick(x.names.size())]}); break;
      case 7:
        if (x.nodes.count(name) != 0 && pick(3) == 0) x.nodes[name]->core->leave();
        break;
      case 8: x.cuts.clear(); break;
      default: befall(x, name, what);
      }
      x.run(std::chrono::milliseconds{pick(9000)});
      if (!x.violation.empty()) break;
    }
    x.cuts.clear();
    x.loss = 0;
    for (const auto& name : x.names) {
      x.freeze(name, false);
      x.crash(name);
      x.run(1s);
      x.start(name); // Who was told to leave has left.
      x.run(8s);
    }
    x.run(25s);
    INFO(x.violation << "at last\n" << x.describe());
    REQUIRE(x.violation.empty());
    check_whole(x, x.names);
  }
}

} // namespace echelon::test
