/// Some nodes of a cluster, their membership and tenancy, over a network that delays, loses and
/// cuts, in virtual time.
#pragma once

#include "cluster/quorum_membership.hpp"
#include "cluster/tenancy.hpp"

#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace echelon::test {

/// First and last seed of a property: ECHELON_SEED runs one alone, ECHELON_SEEDS changes how many.
inline std::pair<std::uint64_t, std::uint64_t> seeds_to_run(std::uint64_t usual) {
  const auto number = [](const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text ? std::strtoull(text, nullptr, 10) : otherwise;
  };
  const auto one = number("ECHELON_SEED", 0);
  if (one != 0) return {one, one};
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  usual /= 10; // What goes wrong in memory goes wrong with few seeds too, and each takes longer.
#endif
  return {1, number("ECHELON_SEEDS", usual)};
}

using namespace std::chrono_literals;
using namespace cluster;

struct pull {
  policy::path_id key;
  std::uint64_t epoch;
  messages::member from;
};
struct pull_answer {
  policy::path_id key;
  bool lost;           ///< Else it is handed over.
  std::uint64_t value; ///< The state.
  messages::member from;
  pull to; ///< The question.
};
using wire = std::variant<protocol_message, pull, pull_answer>;

struct node {
  explicit node(std::unique_ptr<membership> of)
      : core(std::move(of)), tenures(core->settings().self) {}
  std::uint64_t born = 0; ///< Tells processes of one name apart.
  std::unique_ptr<membership> core;
  tenancy tenures;
  std::map<policy::path_id, time_point> asked;
  std::map<policy::path_id, std::uint64_t> values; ///< The state of what it has.
  std::map<policy::path_id, pull_answer> handed;   ///< What it gave away last.
  bool frozen = false;
};

class network {
public:
  virtual ~network() = default;
  network(std::size_t count, std::uint64_t seed) : random_(seed) {
    for (std::size_t i = 0; i < count; ++i)
      names.push_back(std::string(1, static_cast<char>('a' + i)));
    for (policy::path_id i = 0; i < 12; ++i)
      keys.push_back(policy::id_of("group/g" + std::to_string(i)));
  }

  void start(const std::string& name) {
    membership_settings s;
    s.cluster = "test";
    incarnations_ += 1000;
    s.self = {name, incarnations_, name + ":1", static_cast<std::uint32_t>(incarnations_)};
    s.size = static_cast<std::uint32_t>(names.size());
    nodes[name] = std::make_unique<node>(make(s));
    nodes[name]->born = incarnations_;
  }
  void crash(const std::string& name) { nodes.erase(name); }
  void freeze(const std::string& name, bool on) {
    if (nodes.count(name) != 0) nodes[name]->frozen = on;
  }

  /// Every node ticks, every message that is due arrives.
  void run(policy::duration span) {
    const auto until = now + span;
    while (now < until) {
      now += 50ms;
      outside();
      deliver();
      for (auto& [name, x] : nodes) {
        if (x->frozen) continue;
        x->core->tick(now);
        work(name, *x);
      }
      check();
    }
  }

  /// Who may serve this placement now.
  std::vector<std::string> servers(policy::path_id key) {
    std::vector<std::string> found;
    for (auto& [name, x] : nodes)
      if (!x->frozen && x->tenures.serves(key) && now < x->core->lease_until(now))
        found.push_back(name);
    return found;
  }

  /// For people, when something went wrong.
  std::string describe() {
    std::string text;
    for (auto& [name, x] : nodes) {
      const auto& v = x->core->current();
      text += name + " (" + std::to_string(x->core->settings().self.incarnation) + "): origin "
              + std::to_string(v.origin) + " epoch " + std::to_string(v.epoch) + " of "
              + std::to_string(v.size) + (now < x->core->lease_until(now) ? " acts:" : " idle:");
      for (const auto& m : v.members)
        text += ' ' + m.node + std::to_string(m.incarnation);
      text += '\n';
    }
    return text;
  }

  policy::time_point now{1000h};
  std::vector<std::string> names;
  std::vector<policy::path_id> keys;
  std::map<std::string, std::unique_ptr<node>> nodes;
  std::set<std::pair<std::string, std::string>> cuts; ///< One way each.
  double loss = 0;
  policy::duration most_delay = 5ms;
  std::string violation;
  std::map<policy::path_id, std::uint64_t> truth; ///< What was admitted, by placement.
  std::uint64_t forks = 0;                        ///< Views beside another of the same epoch.
  std::map<std::uint64_t, messages::view> chain;  ///< Every view that any node took on.

protected:
  virtual std::unique_ptr<membership> make(const membership_settings& s) {
    return std::make_unique<quorum_membership>(s);
  }
  /// What happens beside the nodes' own messages.
  virtual void outside() {}
  std::mt19937_64 random_;

  /// Looks for what must not be, after each step.
  virtual void check() {
    if (!violation.empty()) return;
    std::map<policy::path_id, std::string> served;
    for (auto& [name, x] : nodes) {
      if (x->frozen || now >= x->core->lease_until(now)) continue;
      for (auto key : keys) {
        if (!x->tenures.serves(key)) continue;
        const auto [i, fresh] = served.emplace(key, name);
        if (!fresh)
          violation = "both " + i->second + " and " + name + " serve a placement\n" + describe();
        if (x->values[key] != truth[key])
          violation = name + " serves from a stale state, " + std::to_string(x->values[key])
                      + " of " + std::to_string(truth[key]) + "\n" + describe();
        x->values[key] = ++truth[key]; // It admits something.
      }
    }
  }

  /// Takes from the core what it has decided.
  void work(const std::string& name, node& x) {
    if (x.core->take_reset()) {
      x.tenures = tenancy{x.core->settings().self};
      x.values.clear();
      x.handed.clear();
      incarnations_ = std::max(incarnations_, x.core->settings().self.incarnation);
    }
    if (x.core->take_doubt()) x.tenures.doubt();
    for (const auto& v : x.core->take_views()) {
      const auto [i, fresh] = chain.emplace(v.epoch, v);
      if (!fresh && !(i->second == v)) ++forks;
      x.tenures.change(v, keys, now);
      // Founded by processes that all started anew, or after all left: there is nothing that they
      // could know.
      if (v.before.empty()) x.values = truth;
    }
    for (auto& m : x.core->take_outgoing()) {
      if (!m.to.empty()) {
        post(name, m.to, std::move(m.what));
        continue;
      }
      for (const auto& other : names)
        if (other != name) post(name, other, m.what);
    }
    static_cast<void>(x.core->take_notes());
    std::vector<policy::path_id> rebuilt;
    for (const auto& [key, t] : x.tenures.all()) {
      if (t.is == standing::rebuilding && t.owner) rebuilt.push_back(key);
      if (t.is != standing::pulling || now - x.asked[key] < 100ms) continue;
      x.asked[key] = now;
      post(name, t.from.node, pull{key, t.since, x.core->settings().self});
    }
    for (auto key : rebuilt) {
      x.values[key] = truth[key]; // What the gateways know is all there is.
      x.handed.erase(key);
      x.tenures.settled(key);
    }
  }

private:
  struct letter {
    policy::time_point at;
    std::uint64_t number;
    std::string from, to;
    wire what;
    bool operator<(const letter& x) const { return at != x.at ? at > x.at : number > x.number; }
  };

  void post(const std::string& from, const std::string& to, wire what) {
    const auto delay = std::uniform_int_distribution<std::int64_t>{0, most_delay.count()}(random_);
    if (cuts.count({from, to}) != 0) return;
    if (std::uniform_real_distribution<>{0, 1}(random_) < loss) return;
    letters_.push({now + policy::duration{delay}, ++count_, from, to, std::move(what)});
  }

  void deliver() {
    std::vector<letter> kept;
    while (!letters_.empty() && letters_.top().at <= now) {
      auto x = letters_.top();
      letters_.pop();
      const auto i = nodes.find(x.to);
      if (i == nodes.end()) continue;
      if (i->second->frozen) {
        kept.push_back(std::move(x)); // It reads them when it wakes.
        continue;
      }
      receive(x.to, *i->second, x);
      work(x.to, *i->second);
    }
    for (auto& x : kept)
      letters_.push(std::move(x));
  }

  void receive(const std::string& name, node& to, const letter& x) {
    if (const auto* m = std::get_if<protocol_message>(&x.what)) {
      to.core->receive(*m, now);
    } else if (const auto* p = std::get_if<pull>(&x.what)) {
      const auto* t = to.tenures.find(p->key);
      if (to.core->current().epoch < p->epoch) return;
      const auto& self = to.core->settings().self;
      const auto last = to.handed.find(p->key);
      if (last != to.handed.end() && last->second.to.from == p->from
          && last->second.to.epoch == p->epoch)
        return post(name, x.from, last->second);
      if (t == nullptr) return post(name, x.from, pull_answer{p->key, true, 0, self, *p});
      if (t->owner || t->is != standing::ready) return;
      to.tenures.released(p->key);
      to.handed[p->key] = {p->key, false, to.values[p->key], self, *p};
      post(name, x.from, to.handed[p->key]);
    } else {
      const auto& answer = std::get<pull_answer>(x.what);
      const auto* t = to.tenures.find(answer.key);
      if (t == nullptr || t->is != standing::pulling || t->from != answer.from
          || t->since != answer.to.epoch)
        return;
      if (answer.lost) return to.tenures.lost(answer.key);
      to.handed.erase(answer.key);
      to.values[answer.key] = answer.value;
      to.tenures.settled(answer.key);
    }
  }

  std::priority_queue<letter> letters_;
  std::uint64_t count_ = 0, incarnations_ = 0;
};

/// Every node starts, on wires that lose up to `loss` percent and delay up to 0.3 s. `pick(n)`
/// draws from 0 to n - 1.
template <class Network, class Pick>
void start_badly(Network& x, const Pick& pick, std::uint64_t loss, policy::duration settles) {
  x.loss = static_cast<double>(pick(loss)) / 100;
  x.most_delay = std::chrono::milliseconds{1 + pick(300)};
  for (const auto& name : x.names)
    x.start(name);
  x.run(settles);
}

/// What may befall any node, by number: 0 it crashes, 1 it freezes, 2 it wakes, 3 it starts again.
template <class Network>
void befall(Network& x, const std::string& name, std::uint64_t what) {
  switch (what) {
  case 0: x.crash(name); break;
  case 1: x.freeze(name, true); break;
  case 2: x.freeze(name, false); break;
  default:
    if (x.nodes.count(name) == 0) x.start(name);
  }
}

} // namespace echelon::test
