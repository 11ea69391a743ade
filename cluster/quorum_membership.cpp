#include "cluster/quorum_membership.hpp"

#include <algorithm>
#include <utility>

namespace echelon::cluster {

using messages::ballot;
using messages::member;
using messages::view;

namespace {

/// Whether a member of the view before is neither in this one nor left in good order.
bool excludes(const view& next, const member& x) {
  const auto in = [&](const auto& list) {
    return std::find(list.begin(), list.end(), x) != list.end();
  };
  return next.epoch > 0 && in(next.before) && !in(next.members) && !in(next.left);
}

} // namespace

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
  std::vector<std::pair<time_point, std::string>> sent{{now, settings_.self.node}};
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
  const auto* m = find_member(view_, x.from.node);
  ack.counts = m != nullptr && *m == x.from && !withheld(x.from, now) && is_member();
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
  const auto i = withheld_.find(x);
  return i != withheld_.end() && now - i->second < settings_.detection;
}

/// Brings a node that is behind up to date: view by view, or the newest if it has none.
void quorum_membership::teach(const std::string& node, std::uint64_t epoch) {
  if (epoch == 0) return send(node, messages::view_agreed{view_});
  for (const auto& x : history_)
    if (x.epoch > epoch) send(node, messages::view_agreed{x});
}

bool quorum_membership::votes(const std::string& node) const {
  const auto& all = view_.voters;
  return view_.epoch == 0 || std::find(all.begin(), all.end(), node) != all.end();
}

/// Who decides on the next view: the processes that bear the names of its voters now; before the
/// first view, everyone that has none either.
std::vector<member> quorum_membership::electorate() const {
  std::vector<member> found;
  if (votes(settings_.self.node)) found.push_back(settings_.self);
  for (const auto& [node, x] : peers_)
    if (view_.epoch == 0 ? x.epoch == 0 : votes(node)) found.push_back(x.who);
  std::sort(found.begin(), found.end());
  return found;
}

bool quorum_membership::enough(const std::set<std::string>& nodes) const {
  return view_.epoch > 0 ? is_quorum(view_, nodes) : 2 * nodes.size() > view_.size;
}

/// The view that should come next, as far as this node sees; nothing if all is well.
std::optional<view> quorum_membership::wanted(time_point now) const {
  // What may have been agreed with our consent comes first.
  if (accepted_.round > 0) return accepted_value_;
  if (settings_.unanimous && !all_agree(now)) return std::nullopt;
  view next = view_;
  next.before = view_.members;
  next.epoch = view_.epoch + 1;
  next.members.clear();
  next.left.clear();
  std::set<std::string> present;
  if (view_.epoch == 0) {
    for (const auto& m : electorate())
      if (is_alive(m, now)) {
        next.members.push_back(m);
        present.insert(m.node);
      }
    if (!enough(present) || leaving_) return std::nullopt;
    // A cluster that exists is joined, not founded anew.
    for (const auto& [node, x] : peers_)
      if (x.epoch > 0 && is_alive(x.who, now)) return std::nullopt;
    next.origin = settings_.self.incarnation;
  } else {
    for (const auto& m : electorate())
      if (is_alive(m, now)) present.insert(m.node);
    for (const auto& m : view_.members) {
      if (is_lost(m, now)) continue;
      const auto i = peers_.find(m.node);
      const bool known = i != peers_.end() && i->second.who == m;
      const bool leaves = m == settings_.self ? leaving_ : known && i->second.leaving;
      (leaves ? next.left : next.members).push_back(m);
    }
    if (!enough(present)) return std::nullopt;
    for (const auto& [node, x] : peers_) {
      const bool joins = find_member(view_, node) == nullptr || *find_member(view_, node) != x.who;
      if (joins && is_alive(x.who, now) && !x.leaving && (x.epoch == 0 || x.origin == view_.origin))
        next.members.push_back(x.who);
    }
    // The one voter that there is may have started again: nobody else could take it in.
    if (!is_member() && !leaving_) next.members.push_back(settings_.self);
    if (next.members.empty()) return std::nullopt; // The last one just ends.
    if (next.left.empty() && next.members.size() == view_.members.size()) {
      auto same = next.members;
      std::sort(same.begin(), same.end());
      if (same == view_.members) return std::nullopt;
    }
  }
  std::sort(next.members.begin(), next.members.end());
  next.id = policy::id_of(settings_.self.node + ' ' + std::to_string(settings_.self.incarnation)
                          + ' ' + std::to_string(now.time_since_epoch().count()));
  std::set<std::string> names, voters{view_.voters.begin(), view_.voters.end()};
  for (const auto& m : next.members)
    names.insert(m.node);
  for (const auto& m : next.left)
    voters.erase(m.node);
  voters.insert(names.begin(), names.end());
  next.voters.assign(voters.begin(), voters.end());
  const auto gone = static_cast<std::uint32_t>(next.left.size());
  next.size = std::max<std::uint32_t>(view_.size - std::min(view_.size - 1, gone),
                                      static_cast<std::uint32_t>(voters.size()));
  // Who is left must be able to act.
  if (!is_quorum(next, names)) return std::nullopt;
  return next;
}

void quorum_membership::propose_if_due(time_point now) {
  if (!votes(settings_.self.node) || !may_vote(now)) return;
  auto next = wanted(now);
  if (!next) {
    proposal_.reset();
    return;
  }
  // The first that is alive proposes; the others step in one by one, should it not.
  std::int64_t rank = 0;
  for (const auto& m : electorate()) {
    if (m == settings_.self) break;
    if (is_alive(m, now)) ++rank;
  }
  auto patience = settings_.beat * (2 + 2 * rank);
  // What was accepted must be brought to its end while those that are to be left out are still
  // withheld: else they are let act again and the next attempt is too early once more.
  if (accepted_.round > 0) patience = std::min(patience, settings_.detection - settings_.beat);
  if (last_proposal_ && now - *last_proposal_ < patience) return;
  if (!last_proposal_ && rank > 0) {
    last_proposal_ = now;
    return;
  }
  last_proposal_ = now;
  round_ = std::max(round_, promised_.round) + 1;
  proposal_ = proposal{{round_, settings_.self.node}, std::move(*next), {}, {}, false, now};
  for (const auto& m : electorate()) {
    messages::prepare_view x{settings_.self, m, view_.origin, view_.epoch + 1, proposal_->number};
    if (m == settings_.self)
      on(x, now);
    else
      send(m.node, std::move(x));
  }
}

void quorum_membership::on(const messages::prepare_view& x, time_point now) {
  if (x.to != settings_.self || !may_vote(now)) return;
  if (x.epoch <= view_.epoch) return teach(x.from.node, x.epoch - 1);
  if (x.epoch != view_.epoch + 1 || x.origin != view_.origin || x.number < promised_) return;
  promised_ = x.number;
  messages::promise_view reply{settings_.self, x.epoch, x.number, accepted_, accepted_value_};
  if (x.from == settings_.self)
    on(reply, now);
  else
    send(x.from.node, std::move(reply));
}

void quorum_membership::on(const messages::promise_view& x, time_point now) {
  if (!proposal_ || proposal_->accepting || x.number != proposal_->number
      || x.epoch != view_.epoch + 1)
    return;
  proposal_->promises[x.from.node] = x;
  std::set<std::string> nodes;
  const messages::promise_view* highest = nullptr;
  for (const auto& [node, p] : proposal_->promises) {
    nodes.insert(node);
    if (p.accepted.round > 0 && (highest == nullptr || highest->accepted < p.accepted))
      highest = &p;
  }
  if (!enough(nodes)) return;
  if (highest != nullptr) proposal_->value = highest->value;
  proposal_->accepting = true;
  const auto value = proposal_->value;
  const auto number = proposal_->number;
  for (const auto& m : electorate()) {
    messages::accept_view question{settings_.self, m, number, value};
    if (m == settings_.self)
      on(question, now);
    else
      send(m.node, std::move(question));
  }
}

void quorum_membership::on(const messages::accept_view& x, time_point now) {
  if (x.to != settings_.self || !may_vote(now) || x.value.epoch != view_.epoch + 1
      || x.number < promised_ || (settings_.unanimous && !all_agree(now)))
    return;
  // Whom we told that it counts must have had the time to stop.
  bool early = false;
  for (const auto& m : view_.members) {
    if (!excludes(x.value, m) || m == settings_.self) continue;
    withheld_[m] = now;
    const auto i = counted_for_.find(m);
    early = early || (i != counted_for_.end() && now - i->second < settings_.detection);
  }
  if (early) return;
  promised_ = accepted_ = x.number;
  accepted_value_ = x.value;
  messages::view_accepted reply{settings_.self, x.value.epoch, x.number};
  if (x.from == settings_.self)
    on(reply, now);
  else
    send(x.from.node, std::move(reply));
}

void quorum_membership::on(const messages::view_accepted& x, time_point) {
  if (!proposal_ || x.number != proposal_->number || x.epoch != view_.epoch + 1) return;
  proposal_->accepted.insert(x.from.node);
  if (!enough(proposal_->accepted)) return;
  const auto agreed = proposal_->value;
  const auto before = view_.members;
  adopt(agreed);
  for (const auto& list : {before, agreed.members})
    for (const auto& m : list)
      if (m != settings_.self) send(m.node, messages::view_agreed{agreed});
}

void quorum_membership::on(const messages::view_agreed& x, time_point) {
  const bool next = x.value.epoch == view_.epoch + 1 && x.value.origin == view_.origin;
  if (next || (view_.epoch == 0 && x.value.epoch > 0)) adopt(x.value);
}

void quorum_membership::adopt(const view& x) {
  view_ = x;
  adopted_ = now_;
  fresh_.push_back(x);
  // Their last beat may not have said so yet.
  for (const auto& m : x.left)
    if (const auto i = peers_.find(m.node); i != peers_.end() && i->second.who == m)
      i->second.leaving = true;
  history_.push_back(x);
  constexpr std::size_t most = 64; // Who is further behind has to start anew.
  if (history_.size() > most) history_.pop_front();
  promised_ = accepted_ = {};
  accepted_value_ = {};
  proposal_.reset();
  withheld_.clear();
  last_proposal_.reset();
  std::erase_if(counted_for_, [&](const auto& entry) {
    return std::find(x.members.begin(), x.members.end(), entry.first) == x.members.end();
  });
  std::string names;
  for (const auto& m : x.members)
    names += (names.empty() ? "" : ", ") + m.node;
  note("view " + std::to_string(x.epoch), "cluster view " + std::to_string(x.epoch) + ": " + names
                                              + " (quorum of " + std::to_string(x.size) + ")");
}

} // namespace echelon::cluster
