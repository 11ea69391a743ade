#include "cluster/scaled_membership.hpp"

#include <algorithm>
#include <utility>

namespace echelon::cluster {

using messages::member;
using messages::view;

namespace {

membership_settings unanimous(membership_settings x) {
  x.unanimous = true;
  return x;
}

std::string names_of(const std::vector<member>& x) {
  std::string names;
  for (const auto& m : x)
    names += (names.empty() ? "" : ", ") + m.node;
  return names;
}

} // namespace

scaled_membership::scaled_membership(membership_settings settings)
    : inner_(unanimous(std::move(settings))) {}

const view& scaled_membership::current() const {
  return aside() ? side_ : inner_.current();
}

policy::share scaled_membership::part() const {
  return aside() ? part_ : policy::share{};
}

void scaled_membership::leave() {
  leaving_ = true;
  inner_.leave();
}

time_point scaled_membership::lease_until(time_point now) const {
  const auto& v = current();
  if (!is_member() || (aside() && leaving_)) return {};
  // What was in the mailboxes of actors when their limits became smaller is refused by then.
  if (aside() && now < entered_ + settings().lease / 2) return {};
  auto oldest = now;
  for (const auto& m : v.members) {
    if (m == self()) continue;
    const auto i = counted_.find(m);
    if (i == counted_.end()) return {};
    oldest = std::min(oldest, i->second);
  }
  return oldest + settings().lease;
}

void scaled_membership::tick(time_point now) {
  now_ = now;
  inner_.tick(now);
  follow_chain(now);
  decide(now);
}

void scaled_membership::receive(const protocol_message& x, time_point now) {
  now_ = now;
  inner_.receive(x, now);
  follow_chain(now);
  if (const auto* b = std::get_if<messages::beat>(&x)) on(*b, now);
  if (const auto* a = std::get_if<messages::beat_ack>(&x)) on(*a, now);
}

std::vector<outgoing> scaled_membership::take_outgoing() {
  auto all = std::exchange(acks_, {});
  for (auto& x : inner_.take_outgoing()) {
    if (std::holds_alternative<messages::beat_ack>(x.what)) continue; // Ours count.
    if (auto* b = std::get_if<messages::beat>(&x.what)) {
      b->id = current().id;
      b->acts = now_ < lease_until(now_);
    }
    all.push_back(std::move(x));
  }
  return all;
}

std::vector<std::string> scaled_membership::take_notes() {
  auto all = inner_.take_notes();
  for (auto& x : std::exchange(notes_, {}))
    all.push_back(std::move(x));
  return all;
}

void scaled_membership::on(const messages::beat& x, time_point now) {
  if (x.from == self() || x.from.node == self().node || x.cluster != settings().cluster
      || x.protocol != messages::beat{}.protocol)
    return;
  auto& p = peers_[x.from.node];
  if (p.who != x.from && p.who.incarnation > x.from.incarnation) return; // Late.
  p = {x.from, now, x.known};
  if (x.id == inner_.current().id) agreed_.insert(x.from);
  messages::beat_ack ack;
  ack.from = self();
  ack.id = current().id;
  ack.sent_ns = x.sent_ns;
  ack.counts = x.id == current().id && is_member() && is_among(current().members, x.from)
               && (intended_.empty() || is_among(intended_, x.from));
  if (ack.counts) acked_[x.from] = now;
  acks_.push_back({x.from.node, std::move(ack)});
}

void scaled_membership::on(const messages::beat_ack& x, time_point) {
  const time_point sent{duration{x.sent_ns}};
  if (!x.counts || x.id != current().id || !is_among(current().members, x.from) || sent < entered_)
    return;
  // For so long others may have acted without us.
  const auto i = reached_.find(x.from);
  doubt_ = doubt_ || (i != reached_.end() && sent - i->second > settings().detection);
  for (auto* list : {&counted_, &reached_}) {
    auto& newest = (*list)[x.from];
    newest = std::max(newest, sent);
  }
}

/// What the chain has brought.
void scaled_membership::follow_chain(time_point now) {
  static_cast<void>(inner_.take_doubt()); // By quorums, which do not count here.
  if (inner_.take_reset()) {
    reset_ = true;
    doubt_ = false;
    side_ = {};
    acked_.clear();
    reached_.clear();
    fresh_.clear();
    moved(now);
  }
  for (auto& v : inner_.take_views()) {
    doubt_ = doubt_ || aside();
    side_ = {};
    taken_ = now;
    agreed_ = {self()};
    fresh_.push_back(std::move(v));
    moved(now);
  }
}

void scaled_membership::moved(time_point now) {
  entered_ = now;
  counted_.clear();
  intended_.clear();
  inner_.set_aside(aside());
  inner_.beat_soon();
}

bool scaled_membership::hear_each_other(const member& x, time_point now) const {
  if (x == self()) return true;
  const auto i = peers_.find(x.node);
  return i != peers_.end() && i->second.who == x && now - i->second.heard < settings().detection
         && is_among(i->second.known, self());
}

bool scaled_membership::linked(const member& a, const member& b, time_point now) const {
  if (a == self()) return hear_each_other(b, now);
  if (b == self()) return hear_each_other(a, now);
  // What we do not hear ourselves, those tell whom we hear.
  const auto hears = [&](const member& x, const member& y) {
    const auto i = peers_.find(x.node);
    const bool asked =
        i != peers_.end() && i->second.who == x && now - i->second.heard < settings().detection;
    return std::pair{asked, asked && is_among(i->second.known, y)};
  };
  const auto [a_asked, a_hears] = hears(a, b);
  const auto [b_asked, b_hears] = hears(b, a);
  return (a_asked || b_asked) && (!a_asked || a_hears) && (!b_asked || b_hears);
}

/// Whether all members of the newest view hear each other, or have another process in their place.
bool scaled_membership::all_there(time_point now) const {
  members here;
  for (const auto& m : inner_.current().members) {
    const auto i = peers_.find(m.node);
    const bool replaced = i != peers_.end() && i->second.who.incarnation > m.incarnation
                          && hear_each_other(i->second.who, now);
    if (!replaced) here.push_back(m);
  }
  return std::all_of(here.begin(), here.end(), [&](const auto& a) {
    return std::all_of(here.begin(), here.end(),
                       [&](const auto& b) { return a == b || linked(a, b, now); });
  });
}

/// The members are told apart into sides of which all hear each other, the first by name first; all
/// that see the same links come to the same sides.
scaled_membership::members scaled_membership::own_side(time_point now) const {
  auto rest = inner_.current().members;
  for (;;) {
    members side, others;
    for (const auto& m : rest) {
      const bool fits =
          std::all_of(side.begin(), side.end(), [&](const auto& s) { return linked(s, m, now); });
      (fits ? side : others).push_back(m);
    }
    if (is_among(side, self())) return side;
    rest = std::move(others);
  }
}

void scaled_membership::decide(time_point now) {
  const auto& whole = inner_.current();
  if (whole.epoch == 0 || !is_among(whole.members, self())) return;
  const auto to = all_there(now) || leaving_ ? whole.members : own_side(now);
  if (to == current().members) return intended_.clear();
  intended_ = to;
  // Who came in with this view may not have been heard yet.
  if (to != whole.members && now - taken_ < settings().detection) return;
  // Whoever is not in it must have had the time to stop.
  for (const auto& [who, when] : acked_)
    if (!is_among(to, who) && now - when < settings().detection) return;
  enter(to, now);
}

void scaled_membership::enter(const members& to, time_point now) {
  const auto& whole = inner_.current();
  const auto from = current().members;
  // Those who come to us may have used what we do not know of.
  if (!std::all_of(to.begin(), to.end(), [&](const auto& m) { return is_among(from, m); })) {
    doubt_ = true;
    for (const auto& m : to)
      reached_[m] = now; // What was before is void with that.
  }
  side_ = {};
  if (to != whole.members) {
    side_ = whole;
    side_.members = to;
    side_.before = whole.members;
    side_.left.clear();
    std::string text = "side " + std::to_string(whole.id);
    for (const auto& m : to)
      text += ' ' + m.node + ' ' + std::to_string(m.incarnation);
    side_.id = policy::id_of(text);
    part_ = {to.size(), whole.members.size()};
    // By the view before, if some may still go by that.
    const auto known = std::count_if(to.begin(), to.end(),
                                     [&](const auto& m) { return is_among(whole.before, m); });
    const policy::share earlier{static_cast<std::size_t>(known), whole.before.size()};
    const bool all = std::all_of(whole.members.begin(), whole.members.end(),
                                 [&](const auto& m) { return agreed_.count(m) != 0; });
    if (!all && !whole.before.empty() && earlier.members * part_.of < part_.members * earlier.of)
      part_ = earlier;
    fresh_.push_back(side_);
    notes_.push_back("the cluster is split: this side is " + names_of(to) + ", with "
                     + std::to_string(part_.members) + '/' + std::to_string(part_.of)
                     + " of each limit");
  } else {
    auto again = whole;
    again.before = whole.members;
    again.left.clear();
    fresh_.push_back(std::move(again));
    notes_.push_back("the cluster is whole again: " + names_of(to));
  }
  moved(now);
}

} // namespace echelon::cluster
