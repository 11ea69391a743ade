// What this node owns: taking over, handing over, and putting together what was lost.
#include "cluster/office.hpp"
#include "config/log.hpp"

#include <caf/send.hpp>

#include <algorithm>

namespace echelon::cluster {

using namespace std::chrono_literals;
using policy::path_id;

void office_state::take_topology(policy::topology_ptr x) {
  whole_ = std::move(x);
  topology_ = policy::scaled(whole_, part_);
  setup_.map->set_topology(whole_);
  places_.clear();
  keys_.clear();
  for (const auto& [id, spec] : topology_->actors)
    places_[spec.place].push_back(id);
  for (const auto& [key, ids] : places_)
    keys_.push_back(key);
  longest_attempt_ = 10s;
  for (const auto& [target, plan] : topology_->targets)
    for (const auto& stage : plan->stages)
      longest_attempt_ =
          std::max<duration>(longest_attempt_, std::min<duration>(stage.timeout, 120s));
  setup_.tree->inside().where->longest_attempt = longest_attempt_.count();
  // What the configuration brought while we are in. Members that had another one may have had it.
  const bool anew = !std::exchange(differed_, false);
  for (const auto key : keys_)
    if (core_->is_member() && tenures_->find(key) == nullptr) {
      const auto* owner = owner_of(core_->current(), key);
      if (owner != nullptr && *owner == core_->settings().self) tenures_->begin(key, now(), anew);
    }
  std::vector<path_id> dropped;
  for (const auto& [key, t] : tenures_->all())
    if (places_.count(key) == 0) dropped.push_back(key);
  for (const auto key : dropped)
    tenures_->released(key);
  if (!part_.whole()) scale_actors(); // It was brought to them as it is for the whole.
  settle();
}

bool office_state::members_differ() const {
  const auto others = core_->differing();
  const auto& members = core_->current().members;
  return std::any_of(members.begin(), members.end(),
                     [&](const auto& m) { return others.count(m.node) != 0; });
}

void office_state::take_view(const messages::view& x) {
  // Whoever was out must not go on with what it had; others have counted it as used.
  const auto& own = core_->settings().self;
  if (!is_among(x.before, own) || !is_among(x.members, own))
    setup_.tree->inside().leases->drop_all(now());
  tenures_->change(x, keys_, now());
  setup_.map->set_view(x);
  std::erase_if(fenced_, [&](const auto& entry) { return !has_member(x, entry.first); });
  const auto rebuilt_here = [this](const auto& entry) {
    const auto* t = tenures_->find(entry.first);
    return t != nullptr && t->owner && t->is == standing::rebuilding;
  };
  std::erase_if(rebuilds_, [&](const auto& entry) { return !rebuilt_here(entry); });
  const auto all_stay = [&x](const auto& list) {
    return std::all_of(list.begin(), list.end(), [&](const auto& m) { return has_member(x, m); });
  };
  // Who answered did not speak of those that are lost only now: all are asked again.
  for (auto& [key, r] : rebuilds_)
    if (!all_stay(r.members)) r.ask(x.members);
  renew_known();
  settle();
  // Whatever is on its way to nodes that are out, or waits where nobody is any more, starts again.
  if (!all_stay(x.before)) setup_.tree->expire(now());
  setup_.tree->wake_all();
  arrived();
}

/// Starts the actors that are ours and ready, and takes out of service those that are not ours.
void office_state::settle() {
  auto& family = *setup_.tree->inside().children;
  bool fresh = false;
  for (const auto& [key, t] : tenures_->all()) {
    if (t.owner && t.is == standing::ready && retained_.count(key) != 0) {
      take_back(key);
    } else if (t.owner && t.is == standing::ready && gathering_.count(key) == 0) {
      // A reload may have brought actors to a placement that is ours already.
      started_.insert(key);
      for (const auto id : places_[key])
        fresh = family.take_over(*topology_->find(id), [](auto&) {}) || fresh;
    }
    if (!t.owner && started_.erase(key) != 0)
      for (const auto id : places_[key])
        if (auto handle = family.release(id)) retained_[key].push_back(std::move(handle));
  }
  // Void: another one starts from what the gateways know, and so do we, should it come back.
  for (auto i = started_.begin(); i != started_.end();) {
    if (tenures_->find(*i) != nullptr) {
      ++i;
      continue;
    }
    for (const auto id : places_[*i])
      if (const auto handle = family.release(id))
        caf::anon_send_exit(handle, caf::exit_reason::user_shutdown);
    i = started_.erase(i);
  }
  // Nobody will ask for these any more.
  for (auto i = retained_.begin(); i != retained_.end();) {
    if (tenures_->find(i->first) != nullptr) {
      ++i;
      continue;
    }
    for (const auto& handle : i->second)
      caf::anon_send_exit(handle, caf::exit_reason::user_shutdown);
    i = retained_.erase(i);
  }
  if (fresh) arrived();
}

/// It is ours again before anybody asked for it.
void office_state::take_back(path_id key) {
  gather(key, [this, key](const auto& memories) {
    if (gathering_.erase(key) == 0) return; // It has become void meanwhile.
    const auto* t = tenures_->find(key);
    if (t == nullptr) return;
    start_with(key, memories); // Even if it is another's by now: it is handed over from here.
    settle();
    arrived();
  });
}

/// The memories of the actors of a placement that was taken out of service; they end.
void office_state::gather(path_id key,
                          std::function<void(std::vector<messages::actor_memory>)> then) {
  struct gathered {
    std::vector<messages::actor_memory> memories;
    std::size_t open = 0;
  };
  gathering_.insert(key);
  const auto handles = std::move(retained_[key]);
  retained_.erase(key);
  const auto sum = std::make_shared<gathered>();
  sum->open = handles.size();
  if (handles.empty()) return then({});
  for (const auto& handle : handles)
    self_->request(handle, 1s, messages::hand_over{})
        .then(
            [sum, then](const messages::actor_memory& memory) {
              sum->memories.push_back(memory);
              if (--sum->open == 0) then(std::move(sum->memories));
            },
            [sum, then](const caf::error&) {
              if (--sum->open == 0) then(std::move(sum->memories));
            });
}

void office_state::start_with(path_id key, const std::vector<messages::actor_memory>& memories) {
  started_.insert(key);
  for (const auto id : places_[key]) {
    const auto i = std::find_if(memories.begin(), memories.end(),
                                [&](const auto& a) { return a.actor == id; });
    setup_.tree->inside().children->take_over(*topology_->find(id), [&](auto& core) {
      core.set_longest_attempt(longest_attempt_);
      if (i != memories.end()) core.load(*i, now());
    });
  }
}

/// Actors have come: the supervisor watches them, and who waited for them goes on.
void office_state::arrived() {
  setup_.tree->inside().supervisor->watch();
  caf::anon_send(setup_.desk, messages::apply_spec{});
}

/// Ends what was kept for heirs.
void office_state::end_retained() {
  for (const auto& [key, handles] : retained_)
    for (const auto& handle : handles)
      caf::anon_send_exit(handle, caf::exit_reason::user_shutdown);
  retained_.clear();
}

/// Ends all actors that live here, with what they remember.
void office_state::end_actors() {
  auto& family = *setup_.tree->inside().children;
  for (const auto key : started_)
    for (const auto id : places_[key])
      if (const auto handle = family.release(id))
        caf::anon_send_exit(handle, caf::exit_reason::user_shutdown);
  end_retained();
  started_.clear();
  rebuilds_.clear();
  handed_.clear();
  gathering_.clear();
}

void office_state::forget_everything() {
  end_actors();
  setup_.tree->inside().leases->drop_all(now());
  tenures_.emplace(core_->settings().self);
  setup_.map->set_self(core_->settings().self);
  setup_.map->set_view({});
}

/// After a while without a quorum what we have is void.
void office_state::start_over() {
  log().warn(
      "cluster: others may have gone on without this node; what it owns starts from what the "
      "gateways know");
  keep_breakers();
  end_actors();
  setup_.tree->inside().leases->drop_all(now());
  setup_.tree->expire(now());
  tenures_->doubt();
}

/// Asks for what is still missing.
void office_state::ask_around() {
  std::vector<path_id> done;
  const auto round = rounds_ + 1;
  for (const auto& [key, t] : tenures_->all()) {
    if (t.is == standing::pulling && now() - pulled_[key] >= 200ms) {
      pulled_[key] = now();
      tell(t.from.node, messages::pull_placement{core_->settings().self, key, t.since});
    }
    if (t.is != standing::rebuilding || !t.owner) continue;
    auto [i, fresh] = rebuilds_.try_emplace(key);
    auto& r = i->second;
    if (fresh) {
      r.round = rounds_ = round;
      r.ask(core_->current().members);
    }
    if (!fresh && now() - r.asked < 300ms) continue;
    r.asked = now();
    const messages::ask_holdings question{core_->settings().self, key, core_->current().id,
                                          r.round};
    for (const auto& node : std::set<std::string>{r.waiting})
      if (node == core_->settings().self.node)
        answer_holdings(question);
      else
        tell(node, question);
    if (r.waiting.empty()) done.push_back(key);
  }
  for (const auto key : done)
    finish_rebuild(key);
}

void office_state::answer_pull(const messages::pull_placement& x) {
  if (core_->current().epoch < x.epoch) return; // We hear of that view soon; it asks again.
  messages::placement_handed reply{core_->settings().self, x.key, x.epoch, true, {}};
  // The first answer may have got lost. To whoever else asks it says nothing any more.
  if (const auto i = handed_.find(x.key);
      i != handed_.end() && i->second.to == x.from && i->second.what.epoch == x.epoch)
    return tell(x.from.node, i->second.what);
  const auto* t = tenures_->find(x.key);
  if (t == nullptr) return tell(x.from.node, reply);
  if (t->owner || t->is != standing::ready || gathering_.count(x.key) != 0) return;
  gather(x.key, [this, reply, to = x.from](std::vector<messages::actor_memory> memories) mutable {
    if (gathering_.erase(reply.key) == 0) return tell(to.node, reply); // Void meanwhile.
    tenures_->released(reply.key);
    reply.lost = false;
    reply.actors = std::move(memories);
    handed_[reply.key] = {to, reply};
    tell(to.node, reply);
  });
}

void office_state::take_handed(const messages::placement_handed& x) {
  const auto* t = tenures_->find(x.key);
  // Another process of that name does not know what became of it.
  if (t == nullptr || t->is != standing::pulling || t->from != x.from || t->since != x.epoch)
    return;
  if (x.lost) return tenures_->lost(x.key);
  handed_.erase(x.key);
  start_with(x.key, x.actors);
  tenures_->settled(x.key);
  settle();
  arrived();
}

void office_state::answer_holdings(const messages::ask_holdings& x) {
  // Only who lives by the same view asks nobody else any more.
  if (core_->current().id != x.view || breakers_->missing > 0) return;
  // It will not ask for what we kept of it for an heir.
  if (const auto* t = tenures_->find(x.key); t != nullptr && !t->owner) {
    tenures_->released(x.key);
    settle();
  }
  // What the owner before granted and is still on its way does not count any more: the new one will
  // not know of it. It is given back when it arrives, and asked for anew. What is asked for from
  // now on is asked of nobody before those of this round.
  if (auto& last = fenced_[x.from]; last < x.round) {
    last = x.round;
    setup_.tree->expire(now());
  }
  messages::tell_holdings reply{core_->settings().self, x.key, x.view, {}, {}};
  // Leases end with the owner that gave them; what they began is held at the new one.
  const auto& inside = setup_.tree->inside();
  auto dropped = inside.leases->drop(x.key, now());
  reply.actors = inside.held->of(x.key, now());
  for (auto& leased : dropped) {
    auto& to = entry_of(reply.actors, leased.actor);
    to.terms = std::move(leased.terms);
    for (const auto id : leased.holds)
      if (std::find(to.holds.begin(), to.holds.end(), id) == to.holds.end()) to.holds.push_back(id);
  }
  add_breakers(reply);
  add_lost(reply);
  if (x.from == core_->settings().self)
    take_holdings(reply);
  else
    tell(x.from.node, reply);
}

void office_state::take_holdings(const messages::tell_holdings& x) {
  const auto i = rebuilds_.find(x.key);
  if (i == rebuilds_.end() || i->second.waiting.count(x.from.node) == 0) return;
  // One of the view before counts as well, but does not know who is lost since then.
  if (x.view == core_->current().id) i->second.waiting.erase(x.from.node);
  for (const auto& a : x.actors) {
    auto& to = i->second.known[a.actor];
    for (const auto id : a.holds)
      if (std::find(to.holds.begin(), to.holds.end(), id) == to.holds.end()) to.holds.push_back(id);
    // Those of an answer before; one request may have started twice.
    const auto known = static_cast<std::ptrdiff_t>(to.started.size());
    for (const auto& s : a.started) {
      const auto end = to.started.begin() + known;
      if (std::none_of(to.started.begin(), end, [&](const auto& y) { return y.id == s.id; }))
        to.started.push_back(s);
    }
    to.breakers.insert(to.breakers.end(), a.breakers.begin(), a.breakers.end());
    to.terms.insert(to.terms.end(), a.terms.begin(), a.terms.end());
  }
  for (const auto& l : x.lost) {
    auto& newest = i->second.lost[l.tag];
    if (newest.number <= l.number) newest = l; // Numbers begin with 1.
  }
}

void office_state::finish_rebuild(path_id key) {
  auto r = std::move(rebuilds_[key]);
  rebuilds_.erase(key);
  count_lost(r);
  if (!part_.whole()) fill_with_unknown(r, key);
  handed_.erase(key);
  started_.insert(key);
  for (const auto id : places_[key])
    setup_.tree->inside().children->take_over(*topology_->find(id), [&](auto& core) {
      core.set_longest_attempt(longest_attempt_);
      core.rebuild(r.known[id], now());
    });
  tenures_->settled(key);
  arrived();
}

} // namespace echelon::cluster
