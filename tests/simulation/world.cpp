#include "world.hpp"

#include "config/topology.hpp"

#include <algorithm>

namespace echelon::simulation {

using namespace std::chrono_literals;
using namespace policy;

namespace {

/// Two groups that share models, a pool and a node, with some of all limits.
topology_ptr draw_topology(timeline& time) {
  config::RouterConfig x;
  // In some runs a hung call outlasts a failover.
  const duration timeout = time.one_in(4) ? duration{9s} : duration{2s};
  const auto tier = [timeout](const std::string& name, std::vector<std::string> models) {
    config::tier_config t;
    t.name = name;
    t.models = std::move(models);
    t.max_retries = 1;
    t.timeout = timeout;
    return t;
  };
  for (const auto* name : {"m1", "m2", "m3"}) {
    auto& m = x.models[name];
    m.name = m.model = name;
    m.provider = "p";
    if (time.one_in(2)) m.concurrency_limit = static_cast<std::uint32_t>(time.draw(2, 6));
    if (time.one_in(2)) m.rpm_limit = static_cast<std::uint32_t>(time.draw(10, 60));
  }
  const auto group = [&](const std::string& name, std::vector<config::tier_config> tiers) {
    config::group_config g;
    g.name = name;
    g.breaker = {static_cast<std::uint32_t>(time.draw(1, 3)), time.draw(500ms, 3s),
                 static_cast<std::uint32_t>(time.draw(1, 2))};
    std::int64_t priority = 0;
    for (auto& t : tiers) {
      t.priority = ++priority;
      if (time.one_in(2)) t.concurrency_limit = static_cast<std::uint32_t>(time.draw(2, 8));
      if (!time.one_in(3)) t.rpm_limit = static_cast<std::uint32_t>(time.draw(8, 80));
    }
    g.tiers = std::move(tiers);
    x.groups.push_back(std::move(g));
  };
  group("g", {tier("t1", {"m1", "m2"}), tier("t2", {"m3"})});
  group("h", {tier("t1", {"m2"})});
  if (time.one_in(2))
    x.group_level = concurrency_settings{static_cast<std::uint32_t>(time.draw(3, 8)), 10};
  x.default_queue = static_cast<std::uint32_t>(time.one_in(3) ? 0 : time.draw(1, 30));
  x.fallback.enabled = true;
  x.fallback.max_attempts = 3;
  x.fallback.retry_delay = 50ms;
  config::pool_config pool;
  pool.name = "p";
  pool.members = {{"g", {}}, {"h", {}}};
  pool.weights = {1, 1};
  if (time.one_in(2)) pool.rate = sliding_window_settings{60s, time.draw(10, 60)};
  x.pools.push_back(pool);
  config::node_config node;
  node.name = "n";
  node.llm_group = {"g", "t1"};
  node.fallback_groups = {{"h", {}}};
  if (time.one_in(2))
    node.concurrency = concurrency_settings{static_cast<std::uint32_t>(time.draw(2, 6)), 10};
  x.nodes.push_back(node);
  auto made = std::make_shared<topology>(*config::make_topology(x));
  // Windows that a run sees many of.
  const duration window = time.draw(3s, 7s);
  for (auto& [id, spec] : made->actors)
    if (spec.gate.rate)
      if (auto* w = std::get_if<sliding_window_settings>(&*spec.gate.rate)) w->window = window;
  return made;
}

} // namespace

world::world(std::uint64_t seed, bool keep_notes)
    : time_(seed), net_(time_), topology_(draw_topology(time_)),
      upstreams_(time_, topology_), scene_{time_, net_, upstreams_, topology_,
                                           [this](path_id model) { return upstream(model); }} {
  time_.keeps_notes = keep_notes;
  leases_ = time_.one_in(2);
  long_calls_ = time_.one_in(4);
  net_.most_delay = time_.one_in(3) ? duration{30ms} : duration{3ms};
  const auto count = time_.one_in(3) ? 5 : 3;
  for (int i = 0; i < count; ++i)
    names_.push_back(std::string(1, static_cast<char>('a' + i)));
}

world::~world() {
  for (auto& [name, x] : hosts_)
    net_.remove(x.get(), true);
}

std::vector<std::string> world::running() const {
  std::vector<std::string> found;
  for (const auto& [name, x] : hosts_)
    found.push_back(name);
  return found;
}

std::string world::any_of(const std::vector<std::string>& names) {
  return names[static_cast<std::size_t>(
      time_.draw(0, static_cast<std::int64_t>(names.size()) - 1))];
}

upstream_reply world::upstream(path_id model) {
  upstream_reply x;
  x.takes = time_.draw(5ms, 400ms);
  if (long_calls_ && time_.one_in(10)) x.takes = time_.draw(1s, 9s);
  if (time_.one_in(40)) x.takes = 1h; // It hangs.
  const auto sick = sick_.find(model);
  const bool bad = sick != sick_.end() && time_.now() < sick->second;
  if (bad || time_.one_in(25)) x.kind = failure_class::server_error;
  return x;
}

/// Until nothing is left that happens now.
void world::settle() {
  std::size_t rounds = 0;
  for (bool any = true; any && time_.violated.empty();) {
    if (++rounds > 10000) return time_.violation("something goes on and on at one time");
    any = time_.run_due();
    for (auto& [name, x] : hosts_)
      any = x->work() || any;
    look();
  }
}

void world::run_until(time_point t) {
  while (time_.violated.empty()) {
    settle();
    auto next = time_.next();
    for (const auto& [name, x] : hosts_)
      next = std::min(next, x->next());
    if (next > t) break;
    time_.go_to(next);
  }
  time_.go_to(t);
  settle();
}

/// Which view a node lives by and which actors live there, for whoever reads the course of a seed.
void world::note_moves(host& x) {
  if (!time_.keeps_notes) return;
  if (const auto epoch = x.report().view.epoch; epoch != std::exchange(epochs_[x.name()], epoch))
    time_.note(x.name() + " takes view " + std::to_string(epoch));
  std::set<path_id> here;
  x.look_at_each([&](const actors::level_core& core) {
    here.insert(core.spec().id);
    if (lives_[x.name()].count(core.spec().id) == 0)
      time_.note(core.spec().path + " begins at " + x.name()
                 + holders(core, core.state(time_.now())));
  });
  for (const auto id : lives_[x.name()])
    if (here.count(id) == 0) time_.note(std::string{topology_->path(id)} + " ends at " + x.name());
  lives_[x.name()] = std::move(here);
}

/// The breakers of models, as those have them that may act.
void world::look() {
  std::map<path_id, bool> half_open;
  for (auto& [name, x] : hosts_) {
    if (const auto acts = x->report().acts; acts != acts_[name]) {
      acts_[name] = acts;
      time_.note(name + (acts ? " acts" : " does not act") + " in view "
                 + std::to_string(x->report().view.epoch));
    }
    note_moves(*x);
    // Its report is up to a tick old; the time after which its actors refuse is not.
    if (x->frozen() || !x->tree().inside().where->may_act(time_.now())) continue;
    x->look_at_each([&](const actors::level_core& core) {
      if (core.spec().at != level::model || x->owner(core.spec().id) != x->name()) return;
      auto& is = half_open[core.spec().id];
      if (core.state(time_.now()).breaker != "half_open") return;
      // Until all leases of the closed breaker are over no probe goes out: a borrower that is cut
      // off and cannot know starts calls that are none.
      const auto loans = core.save(time_.now()).gate.loans;
      is = std::none_of(loans.begin(), loans.end(), [](const auto& l) { return l.open; });
    });
  }
  for (const auto& [id, spec] : topology_->actors) {
    if (spec.at != level::model) continue;
    const auto i = half_open.find(id);
    upstreams_.breaker(id, i != half_open.end(), i != half_open.end() && i->second);
  }
}

void world::start(const std::string& name) {
  time_.note("node " + name + " starts");
  hosts_[name] =
      std::make_unique<host>(time_, net_, name, ++incarnations_,
                             static_cast<std::uint32_t>(names_.size()), leases_, topology_);
}

void world::crash(const std::string& name, bool loud) {
  time_.note("node " + name + (loud ? " crashes" : " is lost with its machine"));
  net_.remove(hosts_.at(name).get(), loud);
  hosts_.erase(name);
}

/// Asks it to leave, and ends it when it has handed over.
void world::leave(const std::string& name) {
  time_.note("node " + name + " leaves");
  hosts_.at(name)->leave();
  const auto ends = time_.now() + 15s;
  const auto look = std::make_shared<std::function<void()>>();
  *look = [this, name, ends, incarnation = hosts_.at(name)->incarnation(), look] {
    const auto i = hosts_.find(name);
    if (i == hosts_.end() || i->second->incarnation() != incarnation) return;
    const auto& report = i->second->report();
    if (report.handed_over || report.stays || time_.now() >= ends) return crash(name, true);
    time_.after(20ms, *look);
  };
  (*look)();
}

void world::arrive(time_point until) {
  static const std::vector<std::string> targets{"n", "p", "g", "h", "g.t1", "m1", "m3"};
  if (time_.now() >= until) return;
  std::vector<std::string> awake;
  for (const auto& [name, x] : hosts_)
    if (!x->frozen()) awake.push_back(name);
  if (!awake.empty()) {
    std::string unknown;
    const auto plan = config::plan_for(*topology_, any_of(targets), {}, unknown);
    auto x =
        std::make_shared<patron>(scene_, *hosts_.at(any_of(awake)), plan, time_.draw(500ms, 10s),
                                 static_cast<std::uint8_t>(time_.draw(0, 9)));
    requests_.push_back(x);
    x->begin();
  }
  time_.after(time_.one_in(20) ? time_.draw(1ms, 400ms) : time_.draw(1ms, 60ms),
              [this, until] { arrive(until); });
}

/// One thing goes wrong, and some time later it is mended, or not.
void world::misfortune(time_point until) {
  if (time_.now() >= until) return;
  time_.after(time_.draw(500ms, 6s), [this, until] { misfortune(until); });
  std::vector<std::string> fine;
  for (const auto& name : running())
    if (disturbed_.count(name) == 0) fine.push_back(name);
  const auto model = any_of({"m1", "m2", "m3"});
  const auto quorum = names_.size() / 2 + 1;
  const auto lasts = time_.draw(200ms, 7s);
  const auto back = [this, lasts](const std::string& name, std::function<void()> what) {
    disturbed_.insert(name);
    time_.after(lasts, [this, name, what] {
      disturbed_.erase(name);
      if (!in_peace_) what();
    });
  };
  switch (time_.draw(0, 8)) {
  case 0:
    time_.note(model + " is sick");
    sick_[id_of("model/" + model)] = time_.now() + lasts;
    return;
  case 1:
    if (fine.size() > quorum || time_.one_in(6)) {
      if (fine.empty()) return;
      const auto name = any_of(fine);
      crash(name, time_.one_in(2));
      back(name, [this, name] {
        if (hosts_.count(name) == 0) start(name);
      });
    }
    return;
  case 2:
    if (fine.size() > quorum || (!fine.empty() && time_.one_in(6))) {
      const auto name = any_of(fine);
      time_.note("node " + name + " freezes");
      hosts_.at(name)->freeze();
      back(name, [this, name, incarnation = hosts_.at(name)->incarnation()] {
        const auto i = hosts_.find(name);
        if (i == hosts_.end() || i->second->incarnation() != incarnation) return;
        time_.note("node " + name + " wakes");
        i->second->thaw();
      });
    }
    return;
  case 3:
  case 4: {
    const auto a = any_of(names_), b = any_of(names_);
    if (a == b) return;
    time_.note("from " + a + " to " + b + " nothing passes");
    net_.cut(a, b);
    if (time_.one_in(2)) net_.cut(b, a);
    time_.after(lasts, [this] { net_.heal(); });
    return;
  }
  case 5: {
    std::string side;
    for (const auto& a : names_)
      if (time_.one_in(2)) side += a;
    time_.note("split: " + side + " and the others");
    for (const auto& a : names_)
      for (const auto& b : names_)
        if ((side.find(a) == std::string::npos) != (side.find(b) == std::string::npos))
          net_.cut(a, b);
    time_.after(lasts, [this] {
      time_.note("the split heals");
      net_.heal();
    });
    return;
  }
  case 6: {
    const auto a = any_of(names_), b = any_of(names_);
    if (a != b) net_.break_off(a, b);
    return;
  }
  case 7:
    if (fine.size() > quorum) {
      const auto name = any_of(fine);
      leave(name);
      back(name, [this, name] {
        if (hosts_.count(name) == 0) start(name);
      });
    }
    return;
  default:
    for (auto& [name, x] : hosts_)
      if (time_.one_in(static_cast<std::int64_t>(names_.size()))) {
        // An actor crashes, and its supervisor starts it anew.
        const auto all = x->tree().inside().where->all_local();
        if (x->frozen() || all.empty()) continue;
        std::vector<path_id> ids;
        for (const auto& [id, handle] : all)
          ids.push_back(id);
        std::sort(ids.begin(), ids.end());
        const auto id =
            ids[static_cast<std::size_t>(time_.draw(0, static_cast<std::int64_t>(ids.size()) - 1))];
        time_.note("actor " + std::string{topology_->path(id)} + " at " + name + " is killed");
        x->tree().kill(id);
        return;
      }
  }
}

/// Everyone is there, nothing is cut.
void world::make_peace() {
  time_.note("peace");
  in_peace_ = true;
  net_.heal();
  sick_.clear();
  for (auto& [name, x] : hosts_)
    if (x->frozen()) x->thaw();
  // Who is leaving ends first.
  run_until(time_.now() + 16s);
  for (const auto& name : names_)
    if (hosts_.count(name) == 0) start(name);
}

outcome world::run() {
  time_.note(leases_ ? "with leases" : "without leases");
  for (const auto& [id, spec] : topology_->actors)
    if (spec.gate.rate)
      if (const auto* w = std::get_if<sliding_window_settings>(&*spec.gate.rate))
        time_.note(spec.path + " lets " + std::to_string(w->max_units) + " in "
                   + std::to_string(w->window / 1ms) + " ms");
  for (const auto& name : names_)
    start(name);
  run_until(time_.now() + 8s);
  const auto until = time_.now() + 25s;
  arrive(until);
  time_.after(2s, [this, until] { misfortune(until); });
  run_until(until);
  if (time_.violated.empty()) make_peace();
  // Permits that a lost gateway held are kept for as long as an attempt may last, 10 s at least.
  if (time_.violated.empty()) run_until(time_.now() + 25s);
  if (time_.violated.empty()) check_end();
  if (time_.violated.empty()) upstreams_.check_windows();
  outcome x;
  x.violation = time_.violated;
  x.notes = std::move(time_.notes);
  x.requests = requests_.size();
  x.attempts = upstreams_.started();
  for (const auto& r : requests_)
    x.answered += r->answered() ? 1 : 0;
  return x;
}

/// Who has what, for people.
std::string world::holders(const actors::level_core& core, const messages::actor_state& s) {
  std::string text;
  for (const auto& h : core.save(time_.now()).gate.holds)
    text +=
        "; hold " + std::to_string(h.id) + " for " + std::to_string(h.age_ns / 1'000'000) + " ms";
  for (const auto& l : core.save(time_.now()).gate.lost)
    text += "; lost " + std::to_string(l.permits) + " for another "
            + std::to_string(l.kept_for_ns / 1'000'000) + " ms";
  for (const auto& l : s.loans)
    text += "; lent " + std::to_string(l.permits) + " to " + l.node;
  for (auto& [name, x] : hosts_)
    for (const auto& a : x->tree().inside().held->inventory())
      if (a.actor == core.spec().id)
        for (const auto id : a.holds)
          text += "; " + name + " holds " + std::to_string(id);
  return text;
}

void world::check_end() {
  for (const auto& r : requests_) {
    if (!r->alive()) continue;
    if (!r->over()) return time_.violation("a request never ends: " + r->describe());
    if (r->late() > 0ms)
      return time_.violation("a request ends " + std::to_string(r->late() / 1ms)
                             + " ms after its deadline: " + r->describe());
  }
  std::map<path_id, std::string> owners;
  for (auto& [name, x] : hosts_) {
    if (!x->report().acts) {
      auto text = name + " does not act in peace: of view " + std::to_string(x->report().view.epoch)
                  + " it hears";
      for (const auto& other : x->report().heard)
        text += ' ' + other;
      for (const auto& [other, y] : hosts_) {
        text += "\n  " + other + ": view " + std::to_string(y->report().view.id);
        for (const auto& m : y->report().view.members)
          text += ' ' + m.node + std::to_string(m.incarnation);
        text += ", itself " + std::to_string(y->report().self.incarnation);
      }
      return time_.violation(text);
    }
    x->look_at_each([&](const actors::level_core& core) {
      const auto [i, fresh] = owners.emplace(core.spec().id, name);
      if (!fresh) time_.violation(core.spec().path + " lives at " + i->second + " and at " + name);
      const auto s = core.state(time_.now());
      if (s.permits_used != 0 || s.waiting != 0)
        time_.violation(core.spec().path + " at " + name + " still has "
                        + std::to_string(s.permits_used) + " permits out and "
                        + std::to_string(s.waiting) + " waiters" + holders(core, s));
    });
  }
  for (const auto& [id, spec] : topology_->actors)
    if (owners.count(id) == 0) time_.violation(spec.path + " lives nowhere");
}

} // namespace echelon::simulation
