// What nodes know of what each gateway holds: for owners that live, and for the heirs of those that
// are lost together with a gateway.
#include "cluster/office.hpp"

#include <caf/send.hpp>

#include <algorithm>

namespace echelon::cluster {

using namespace std::chrono_literals;
using policy::path_id;

messages::actor_holdings& entry_of(std::vector<messages::actor_holdings>& list, path_id actor) {
  const auto i =
      std::find_if(list.begin(), list.end(), [&](const auto& a) { return a.actor == actor; });
  if (i != list.end()) return *i;
  list.emplace_back().actor = actor;
  return list.back();
}

void office_state::take_inventory(const messages::inventory& x) {
  auto& s = stocks_[x.from.tag];
  s.heard = now();
  s.holds.clear();
  for (const auto& a : x.actors) {
    auto holds = a.holds;
    std::sort(holds.begin(), holds.end());
    s.holds[a.actor] = std::move(holds);
  }
}

void office_state::tell_inventory() {
  last_inventory_ = now();
  const messages::inventory x{core_->settings().self, setup_.tree->inside().held->inventory()};
  take_inventory(x);
  for (const auto& [node, c] : contacts_)
    tell(node, x);
}

/// Tells our actors what each gateway still holds: what a lost message left behind is dropped. And
/// who is in: holds of others, which this node may never have heard of, are dropped in time.
void office_state::reconcile() {
  constexpr duration on_its_way = 5s; // Longer than any message of a living node.
  last_reconcile_ = now();
  const auto& inside = setup_.tree->inside();
  inside.leases->reconcile(inside.held->inventory(), now() - on_its_way, now());
  const auto local = setup_.tree->inside().where->all_local();
  std::erase_if(stocks_, [&](const auto& x) { return now() - x.second.last() > 1h; });
  std::vector<std::uint32_t> present;
  for (const auto& m : core_->current().members)
    present.push_back(m.tag);
  for (const auto& [id, handle] : local)
    caf::anon_send(handle, messages::reconcile_holds{0, {}, present, longest_attempt_.count()});
  for (const auto& [tag, last] : stocks_) {
    const bool in = std::find(present.begin(), present.end(), tag) != present.end();
    if (!in || now() - last.heard >= 1s) continue;
    for (const auto& [id, handle] : local) {
      messages::reconcile_holds x{tag, {}, {}, on_its_way.count()};
      if (const auto held = last.holds.find(id); held != last.holds.end()) x.holds = held->second;
      caf::anon_send(handle, std::move(x));
    }
  }
}

/// Tells all others how much we may hold, before we do.
void office_state::tell_ceilings() {
  auto x = setup_.tree->inside().held->tell(now());
  if (!x) return;
  x->from = core_->settings().self;
  x->view = core_->current().id;
  noted_by_.clear();
  take_ceilings(*x);
  for (const auto& [node, c] : contacts_)
    tell(node, *x);
}

void office_state::take_ceilings(const messages::ceilings& x) {
  if (x.view != core_->current().id) {
    early_[x.from.tag] = x; // We may hear of that view soon.
    return;
  }
  // One that is out is told nothing: what we knew of it by then, its heir counts.
  if (!has_member(core_->current(), x.from)) return;
  auto& s = stocks_[x.from.tag];
  s.noted = now();
  if (x.number >= s.number) {
    s.number = x.number;
    s.ceilings = x.of;
  }
  const messages::ceilings_noted reply{core_->settings().self, x.view, x.number};
  if (x.from == core_->settings().self)
    take_noted(reply);
  else
    tell(x.from.node, reply);
}

void office_state::take_noted(const messages::ceilings_noted& x) {
  const auto own = stocks_.find(core_->settings().self.tag);
  if (x.view != core_->current().id || !has_member(core_->current(), x.from) || own == stocks_.end()
      || x.number != own->second.number)
    return;
  noted_by_.insert(x.from);
  if (!outlive(noted_by_)) return;
  known_by_ = noted_by_;
  setup_.tree->inside().held->known(x.number);
}

bool office_state::outlive(const std::set<messages::member>& members) const {
  std::set<std::string> names;
  for (const auto& m : members)
    names.insert(m.node);
  return core_->outlives(names);
}

/// In a new view: those that knew what we may hold may be gone, and those that came know nothing.
void office_state::renew_known() {
  const auto gone = [this](const auto& m) { return !has_member(core_->current(), m); };
  std::erase_if(noted_by_, gone);
  std::erase_if(known_by_, gone);
  // What was told and is not known binds us as well.
  auto all = known_by_;
  all.insert(noted_by_.begin(), noted_by_.end());
  setup_.tree->inside().held->renew(!outlive(all));
  known_by_ = std::move(all);
  tell_ceilings();
  for (const auto& [tag, x] : std::exchange(early_, {}))
    if (x.view == core_->current().id) take_ceilings(x);
}

/// What we know of gateways that are no members any more, and whose calls may still run.
void office_state::add_lost(messages::tell_holdings& to) const {
  constexpr duration until_noticed = 15s; // More than it may go on after it was last heard.
  const auto& members = core_->current().members;
  for (const auto& [tag, s] : stocks_) {
    const bool in = std::any_of(members.begin(), members.end(),
                                [tag = tag](const auto& m) { return m.tag == tag; });
    if (in || now() - s.last() > longest_attempt_ + until_noticed) continue;
    messages::lost_gateway l{tag, s.number, {}};
    for (const auto& c : s.ceilings)
      if (const auto* spec = topology_->find(c.actor); spec != nullptr && spec->place == to.key)
        l.ceilings.push_back(c);
    to.lost.push_back(std::move(l));
  }
}

/// What lost gateways may hold counts as taken; reconcile() drops it in time.
void office_state::count_lost(rebuild& of) const {
  for (const auto& [tag, l] : of.lost)
    for (const auto& c : l.ceilings)
      add_unknown(of, c.actor, c.permits);
}

void office_state::add_unknown(rebuild& of, path_id actor, std::int64_t n) const {
  for (; n > 0; --n)
    of.known[actor].holds.push_back((std::uint64_t{policy::no_gateway} << 40U) | ++of.unknown);
}

} // namespace echelon::cluster
