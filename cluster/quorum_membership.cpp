#include "cluster/quorum_membership.hpp"

#include <algorithm>
#include <utility>

namespace echelon::cluster {

using messages::member;
using messages::view;

quorum_membership::quorum_membership(membership_settings settings)
    : settings_(std::move(settings)) {
  view_.size = std::max<std::uint32_t>(1, settings_.size);
}

bool quorum_membership::is_alive(const member& x, time_point now) const {
  if (x == settings_.self) return true;
  const auto i = peers_.find(x.node);
  return i != peers_.end() && i->second.who == x && now - i->second.heard < settings_.detection;
}

std::vector<member> quorum_membership::alive(time_point now) const {
  std::vector<member> found{settings_.self};
  for (const auto& [node, x] : peers_)
    if (is_alive(x.who, now)) found.push_back(x.who);
  std::sort(found.begin(), found.end());
  return found;
}

std::set<std::string> quorum_membership::differing() const {
  std::set<std::string> found;
  for (const auto& [node, x] : peers_)
    if (x.config != settings_.config) found.insert(node);
  return found;
}

/// A member that was heard and is not any more. One that was never heard, by a node that has just
/// come or of a view that is new, has as long to be heard for the first time.
bool quorum_membership::is_lost(const member& x, time_point now) const {
  if (is_alive(x, now)) return false;
  if (x.node == settings_.self.node) return true; // The process before this one.
  const auto i = peers_.find(x.node);
  const bool heard = i != peers_.end() && i->second.who == x;
  const bool replaced = i != peers_.end() && is_alive(i->second.who, now);
  return heard || replaced || now - adopted_ >= settings_.detection;
}

time_point quorum_membership::lease_until(time_point now) const {
  // Having agreed to a view without us, we may not act on the one before.
  if (!is_member() || excludes(accepted_value_, settings_.self)) return time_point{};
  // The latest moment such that a quorum has acknowledged beats sent then or later.
  std::vector<std::pair<time_point, std::string>> sent{
      {resizing_.value_or(now), settings_.self.node}};
  for (const auto& m : view_.members) {
    const auto i = peers_.find(m.node);
    if (m.node != settings_.self.node && i != peers_.end() && i->second.who == m
        && i->second.counted)
      sent.emplace_back(*i->second.counted, m.node);
  }
  std::sort(sent.rbegin(), sent.rend());
  std::set<std::string> nodes;
  for (const auto& [when, node] : sent) {
    nodes.insert(node);
    if (is_quorum(view_, nodes)) return when + settings_.lease;
  }
  return time_point{};
}

void quorum_membership::send(const std::string& to, protocol_message what) {
  outgoing_.push_back({to, std::move(what)});
}

void quorum_membership::note(const std::string& key, std::string text) {
  if (noted_.insert(key).second) notes_.push_back(std::move(text));
}

std::vector<outgoing> quorum_membership::take_outgoing() {
  return std::exchange(outgoing_, {});
}

std::vector<std::string> quorum_membership::take_notes() {
  return std::exchange(notes_, {});
}

/// Whoever starts again under its name must let the promises of its forgotten life run out.
bool quorum_membership::may_vote(time_point now) const {
  if (aside_) return false;
  return is_member() || view_.size == 1 || (started_ && now - *started_ >= settings_.detection);
}

/// Whether all members live by this very view, or have another process in their place.
bool quorum_membership::all_agree(time_point now) const {
  return std::all_of(view_.members.begin(), view_.members.end(), [&](const auto& m) {
    if (m.node == settings_.self.node) return true;
    const auto i = peers_.find(m.node);
    if (i == peers_.end() || !is_alive(i->second.who, now)) return false;
    return i->second.who == m ? i->second.id == view_.id
                              : i->second.who.incarnation > m.incarnation;
  });
}

// Without a quorum for long, while others have one in views that this process is no part of.
void quorum_membership::reset_if_forsaken(time_point now) {
  if (view_.epoch == 0 || now < lease_until(now)) {
    doubt_ = doubt_ || (view_.epoch > 0 && now - last_acted_ > settings_.detection);
    last_acted_ = now;
    return;
  }
  if (now - last_acted_ < 2 * settings_.detection) return;
  for (const auto& [node, x] : peers_) {
    if (!x.acts || !is_alive(x.who, now)) continue;
    if (x.origin == view_.origin && x.epoch <= view_.epoch + 1) continue; // It will be taught.
    notes_.push_back("this node has no quorum and '" + node + "' has: joining its cluster anew");
    ++settings_.self.incarnation;
    view_ = view{};
    view_.size = std::max<std::uint32_t>(1, settings_.size);
    history_.clear();
    counted_for_.clear();
    withheld_.clear();
    resized_.reset();
    resizing_.reset();
    promised_ = accepted_ = {};
    accepted_value_ = {};
    proposal_.reset();
    fresh_.clear();
    started_ = last_acted_ = now;
    reset_ = true;
    return;
  }
}

void quorum_membership::tick(time_point now) {
  if (!started_) started_ = last_acted_ = now;
  now_ = now;
  reset_if_forsaken(now);
  std::erase_if(peers_,
                [&](const auto& x) { return now - x.second.heard > 100 * settings_.detection; });
  if (!last_beat_ || now - *last_beat_ >= settings_.beat) {
    last_beat_ = now;
    send_beats(now);
  }
  propose_if_due(now);
}

void quorum_membership::send_beats(time_point now) {
  messages::beat x;
  x.cluster = settings_.cluster;
  x.from = settings_.self;
  x.origin = view_.origin;
  x.epoch = view_.epoch;
  x.id = view_.id;
  x.acts = now < lease_until(now);
  x.sent_ns = now.time_since_epoch().count();
  x.leaving = leaving_;
  x.config = settings_.config;
  x.known = alive(now);
  send({}, std::move(x)); // To everyone that there is a way to.
}

void quorum_membership::receive(const protocol_message& x, time_point now) {
  now_ = now;
  std::visit([&](const auto& m) { on(m, now); }, x);
  // It may have brought the quorum back: nothing is admitted before the doubt about it is told.
  if (started_) reset_if_forsaken(now);
}

void quorum_membership::on(const messages::beat& x, time_point now) {
  if (x.from == settings_.self) return;
  const auto who = "node '" + x.from.node + "' at " + x.from.address;
  if (x.cluster != settings_.cluster)
    return note("cluster " + x.from.address, who + " is of cluster '" + x.cluster + "', not '"
                                                 + settings_.cluster + "': refused");
  if (x.protocol != messages::beat{}.protocol)
    return note("protocol " + x.from.address,
                who + " speaks cluster protocol " + std::to_string(x.protocol) + ", not "
                    + std::to_string(messages::beat{}.protocol) + ": refused");
  if (x.from.node == settings_.self.node)
    return note("name " + x.from.address,
                who + " has the name of this node: one of the two must get another");
  auto& p = peers_[x.from.node];
  if (p.who != x.from) {
    // A process that is older than one known by the same name: its beats are late.
    if (p.who.incarnation > x.from.incarnation && now - p.heard < settings_.detection) return;
    p = peer{};
    p.who = x.from;
  }
  p.heard = now;
  p.leaving = p.leaving || x.leaving; // A process that leaves does not come back.
  p.origin = x.origin;
  p.epoch = x.epoch;
  p.id = x.id;
  p.config = x.config;
  p.acts = x.acts;
  if (x.config != settings_.config)
    note("config " + x.from.node + std::to_string(x.config) + std::to_string(settings_.config),
         who + " runs another configuration");
  if (x.epoch < view_.epoch && (x.origin == view_.origin || x.epoch == 0))
    teach(x.from.node, x.epoch);
  if (x.epoch > 0 && view_.epoch > 0 && x.origin != view_.origin)
    note("origin " + x.from.node + std::to_string(x.origin),
         who
             + " belongs to another cluster of the same name, which started by itself: stop the "
               "nodes of one of the two and start them again with a common seed");
  messages::beat_ack ack;
  ack.from = settings_.self;
  ack.id = view_.id;
  ack.sent_ns = x.sent_ns;
  ack.counts = has_member(view_, x.from) && !withheld(x.from, now) && is_member();
  if (ack.counts) counted_for_[x.from] = now;
  send(x.from.node, std::move(ack));
}

void quorum_membership::on(const messages::beat_ack& x, time_point) {
  const auto i = peers_.find(x.from.node);
  // Only in the same view: quorums of two views need not share a node.
  if (i == peers_.end() || i->second.who != x.from || !x.counts || x.id != view_.id) return;
  const time_point sent{duration{x.sent_ns}};
  auto& counted = i->second.counted;
  counted = counted ? std::max(*counted, sent) : sent;
}

/// Whether we may not say that it counts: a view without it may be agreed by our own consent.
bool quorum_membership::withheld(const member& x, time_point now) const {
  if (excludes(accepted_value_, x)) return true;
  // Quorums of the view after need not share a node with those of this one: nobody may act by this
  // one for longer than those wait who take on the next.
  if (resizing_) return true;
  const auto i = withheld_.find(x);
  return i != withheld_.end() && now - i->second < settings_.detection;
}

/// Whether quorums of this view and of the next one need not share a node.
bool quorum_membership::resizes(const view& next) const {
  return next.voters != view_.voters || next.size != view_.size;
}

/// Brings a node that is behind up to date: view by view, or the newest if it has none.
void quorum_membership::teach(const std::string& node, std::uint64_t epoch) {
  if (epoch == 0) return send(node, messages::view_agreed{view_});
  for (const auto& x : history_)
    if (x.epoch > epoch) send(node, messages::view_agreed{x});
}

} // namespace echelon::cluster
