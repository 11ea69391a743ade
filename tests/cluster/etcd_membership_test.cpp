#include "cluster/etcd_membership.hpp"
#include "fake_etcd.hpp"
#include "network.hpp"

#include <catch2/catch.hpp>

namespace echelon::test {
namespace {

/// Nodes around one etcd. Every call has one answer within `patience`, right or not.
class etcd_network : public network {
public:
  using network::network;
  fake_etcd etcd;
  policy::duration patience = 1500ms;

  /// It is told to leave, and lets go when it holds nothing any more.
  void leave(const std::string& name) {
    if (nodes.count(name) == 0) return;
    nodes[name]->core->leave();
    leaving.insert(nodes[name]->born);
  }
  std::set<std::uint64_t> leaving; ///< Processes.

  etcd_membership& core(const std::string& name) {
    return dynamic_cast<etcd_membership&>(*nodes.at(name)->core);
  }

protected:
  std::unique_ptr<membership> make(const membership_settings& s) override {
    return std::make_unique<etcd_membership>(s, etcd_membership_settings{});
  }

  void outside() override {
    etcd.tick(now);
    for (auto& [name, x] : nodes)
      if (!x->frozen && leaving.count(x->born) != 0 && !x->core->is_member()
          && x->tenures.all().empty())
        x->core->let_go();
    const auto before = etcd.revision;
    for (auto& [name, x] : nodes)
      if (!x->frozen)
        for (auto& call : core(name).take_calls())
          ask(name, x->born, std::move(call));
    for (auto i = asked_.begin(); i != asked_.end() && i->first <= now;) {
      arrive(i->second);
      i = asked_.erase(i);
    }
    for (auto& [name, x] : nodes)
      if (etcd.revision != before && etcd.up && !x->frozen && pick(4) != 0) core(name).changed();
    // What a frozen node is told waits for it.
    for (auto i = answers_.begin(); i != answers_.end() && i->first <= now;) {
      const auto [name, born, answer] = i->second;
      const auto n = nodes.find(name);
      if (n != nodes.end() && n->second->born == born && n->second->frozen) {
        ++i;
        continue;
      }
      if (n != nodes.end() && n->second->born == born) {
        core(name).receive(answer, now);
        work(name, *n->second);
      }
      i = answers_.erase(i);
    }
  }

private:
  struct question {
    std::string name;
    std::uint64_t born = 0;
    cluster::etcd_call call;
    policy::time_point sent;
    bool given_up = false; ///< It arrives too late for its sender.
  };
  struct reply {
    std::string name;
    std::uint64_t born = 0;
    cluster::etcd_answer answer;
  };

  std::uint64_t pick(std::uint64_t n) { return random_() % n; }
  bool lost() { return std::uniform_real_distribution<>{0, 1}(random_) < loss; }
  policy::duration delay() {
    if (loss > 0 && pick(50) == 0) return std::chrono::milliseconds{pick(9000)}; // Stuck somewhere.
    return policy::duration{
        std::uniform_int_distribution<std::int64_t>{0, most_delay.count()}(random_)};
  }

  void ask(const std::string& name, std::uint64_t born, cluster::etcd_call call) {
    question x{name, born, std::move(call), now};
    const auto span = delay();
    const bool away = cuts.count({name, "etcd"}) != 0 || lost();
    x.given_up = away || span >= patience;
    if (x.given_up) fail(x);
    if (!away) asked_.emplace(now + span, std::move(x));
  }
  void fail(const question& x) {
    cluster::etcd_answer none;
    none.number = x.call.number;
    none.what = x.call.what;
    none.lease = x.call.lease;
    answers_.emplace(x.sent + patience, reply{x.name, x.born, none});
  }
  void arrive(const question& x) {
    if (!etcd.up && !x.given_up) return fail(x);
    if (!etcd.up) return;
    const auto answer = etcd.execute(x.call, now, pick(2) == 0);
    if (x.given_up) return;
    const auto back = now + delay();
    if (back - x.sent >= patience || cuts.count({"etcd", x.name}) != 0 || lost())
      fail(x);
    else
      answers_.emplace(back, reply{x.name, x.born, answer});
  }

  std::multimap<policy::time_point, question> asked_;
  std::multimap<policy::time_point, reply> answers_;
};

std::vector<std::string> names_of(const messages::view& x) {
  std::vector<std::string> found;
  for (const auto& m : x.members)
    found.push_back(m.node);
  return found;
}

void check_whole(etcd_network& x, const std::vector<std::string>& names) {
  CHECK(x.violation.empty());
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

void check_idle(etcd_network& x) {
  for (auto key : x.keys)
    CHECK(x.servers(key).empty());
}

struct three : etcd_network {
  three() : etcd_network(3, 1) {
    for (const auto& name : names)
      start(name);
    run(2s);
  }
};

std::string notes_of(membership& x) {
  std::string all;
  for (const auto& text : x.take_notes())
    all += text + '\n';
  return all;
}

} // namespace

TEST_CASE("three nodes find each other through etcd and share the placements", "[cluster][etcd]") {
  three x;
  check_whole(x, {"a", "b", "c"});
  CHECK(x.forks == 0);
}

TEST_CASE("a node by itself is a cluster of one, and who starts again gets its name back",
          "[cluster][etcd]") {
  etcd_network x{1, 1};
  x.start("a");
  x.run(2s);
  check_whole(x, {"a"});
  x.crash("a");
  x.start("a");
  x.run(4s);
  check_idle(x); // The lease of the process before may not have ended.
  x.run(2s);
  check_whole(x, {"a"});
}

TEST_CASE("a node that crashes is replaced when its lease ends, not before", "[cluster][etcd]") {
  three x;
  x.crash("b");
  x.run(3500ms);
  CHECK(names_of(x.nodes["a"]->core->current()) == std::vector<std::string>{"a", "b", "c"});
  x.run(2500ms);
  check_whole(x, {"a", "c"});
  x.start("b");
  x.run(1s);
  check_whole(x, {"a", "b", "c"});
}

TEST_CASE("a node that wakes from a freeze acts only after it joined again", "[cluster][etcd]") {
  three x;
  x.freeze("a", true);
  x.run(3100ms);
  x.freeze("a", false);
  CHECK(x.now >= x.nodes["a"]->core->lease_until(x.now)); // Its time was over before its lease.
  x.run(1s);
  check_whole(x, {"a", "b", "c"});
  CHECK(x.chain.size() == x.nodes["a"]->core->current().epoch); // Nobody took anything over.
  x.freeze("a", true);
  x.run(8s);
  check_whole(x, {"b", "c"});
  x.freeze("a", false);
  x.run(2s);
  check_whole(x, {"a", "b", "c"});
}

TEST_CASE("without etcd all stop when their bound has passed, and go on where they were",
          "[cluster][etcd]") {
  three x;
  const auto epoch = x.nodes["a"]->core->current().epoch;
  x.etcd.up = false;
  x.run(1900ms);
  check_whole(x, {"a", "b", "c"}); // Not at once.
  x.run(1200ms);
  check_idle(x);
  CHECK(notes_of(*x.nodes["a"]->core).empty()); // Notes are taken by run().
  x.run(60s);
  check_idle(x);
  SECTION("it comes back as it was") {
    x.etcd.lead(x.now);
    x.run(2s);
    check_whole(x, {"a", "b", "c"});
    CHECK(x.nodes["a"]->core->current().epoch == epoch);
  }
  SECTION("its leases have ended meanwhile, and nobody took over") {
    x.etcd.up = true;
    x.run(2s);
    check_whole(x, {"a", "b", "c"});
    CHECK(x.nodes["a"]->core->current().epoch == epoch);
  }
  SECTION("it has lost everything") {
    x.etcd.wipe();
    x.etcd.lead(x.now);
    x.run(9s);
    check_whole(x, {"a", "b", "c"});
    CHECK(x.nodes["a"]->core->settings().self.incarnation % 1000 == 1);
  }
}

TEST_CASE("a node that leaves holds its lease until it has handed over; then it is given back",
          "[cluster][etcd]") {
  three x;
  x.nodes["b"]->core->leave();
  x.run(1s);
  CHECK(names_of(x.nodes["a"]->core->current()) == std::vector<std::string>{"a", "c"});
  CHECK(x.etcd.leases() == 3);
  x.crash("c");
  x.run(7s);
  // `c` is dead, but what `b` has is still on its way.
  CHECK(names_of(x.nodes["a"]->core->current()) == std::vector<std::string>{"a", "c"});
  while (!x.nodes["b"]->core->let_go())
    x.run(50ms);
  CHECK(x.etcd.leases() == 1);
  x.crash("b");
  x.run(2s);
  check_whole(x, {"a"});
  x.nodes["a"]->core->leave();
  x.run(2s);
  CHECK(x.nodes["a"]->core->current().members.empty());
  CHECK(x.nodes["a"]->core->let_go() == false);
  x.run(500ms);
  CHECK(x.nodes["a"]->core->let_go());
  CHECK(x.etcd.leases() == 0);
  x.crash("a");
  x.start("c");
  x.run(1s);
  check_whole(x, {"c"});
}

TEST_CASE("a name is there once, and strangers are told apart", "[cluster][etcd]") {
  fake_etcd etcd;
  policy::time_point now{1h};
  const auto process = [](std::uint64_t incarnation, const char* address) {
    membership_settings s;
    s.cluster = "test";
    s.self = {"a", incarnation, address, 1};
    return std::make_unique<etcd_membership>(s, etcd_membership_settings{});
  };
  const auto first = process(1, "h:1"), second = process(2, "h:2");
  std::string told;
  for (int i = 0; i < 100; ++i, now += 100ms) {
    etcd.tick(now);
    for (auto* x : {first.get(), second.get()}) {
      x->tick(now);
      for (const auto& call : x->take_calls())
        x->receive(etcd.execute(call, now), now);
    }
    told += notes_of(*second);
  }
  CHECK(first->is_member());
  CHECK(now < first->lease_until(now));
  CHECK_FALSE(second->is_member());
  CHECK(told.find("'a' at h:1 has the name of this node") != std::string::npos);
  messages::beat beat;
  beat.from = {"z", 1, "h:9", 9};
  first->receive(beat, now);
  CHECK(notes_of(*first).find("'z' at h:9 has `membership: static`") != std::string::npos);
}

TEST_CASE("through crashes, freezes, cuts, loss and outages of etcd no placement has two masters",
          "[cluster][etcd][properties]") {
  const auto [first, last] = seeds_to_run(500);
  std::uint64_t views = 0;
  for (auto seed = first; seed <= last; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random{seed};
    const auto pick = [&](std::uint64_t n) { return random() % n; };
    etcd_network x{2 + pick(3), seed};
    start_badly(x, pick, 20, 4s);
    for (int i = 0; i < 14; ++i) {
      const auto& name = x.names[pick(x.names.size())];
      switch (const auto what = pick(10)) {
      case 4: x.cuts.insert({name, "etcd"}); break;
      case 5: x.cuts.insert({"etcd", name}); break;
      case 6: x.etcd.up = false; break;
      case 7: x.etcd.lead(x.now); break;
      case 8: x.leave(name); break;
      case 9: x.cuts.clear(); break;
      default: befall(x, name, what);
      }
      x.run(std::chrono::milliseconds{pick(5000)});
      if (!x.violation.empty()) break;
    }
    x.cuts.clear();
    x.loss = 0;
    x.etcd.lead(x.now);
    for (const auto& name : x.names) {
      if (x.nodes.count(name) != 0 && x.leaving.count(x.nodes[name]->born) != 0) x.crash(name);
      if (x.nodes.count(name) == 0) x.start(name);
      x.freeze(name, false);
    }
    x.run(25s);
    INFO(x.violation << "at last\n" << x.describe());
    REQUIRE(x.violation.empty());
    REQUIRE(x.forks == 0);
    check_whole(x, x.names);
    views += x.chain.size();
  }
  if (first != last) CHECK(views > 3 * (last - first + 1)); // Things did happen.
}

} // namespace echelon::test
