// How the next view is agreed: single-decree Paxos for each epoch.
#include "cluster/quorum_membership.hpp"

#include <algorithm>
#include <utility>

namespace echelon::cluster {

using messages::member;
using messages::view;

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
      if (!has_member(view_, x.who) && is_alive(x.who, now) && !x.leaving
          && (x.epoch == 0 || x.origin == view_.origin))
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
  // Before the first view there is no origin yet.
  const bool ours = view_.epoch == 0 || x.value.origin == view_.origin;
  if (x.to != settings_.self || !may_vote(now) || x.value.epoch != view_.epoch + 1 || !ours
      || x.number < promised_ || (settings_.unanimous && !all_agree(now)))
    return;
  // Whom we told that it counts must have had the time to stop; and whoever may have been told so
  // by those who counted before the last node came or left.
  const bool lately = resized_ && now - *resized_ < settings_.detection;
  bool early = false;
  for (const auto& m : view_.members) {
    if (!excludes(x.value, m) || m == settings_.self) continue;
    withheld_[m] = now;
    const auto i = counted_for_.find(m);
    early = early || lately || (i != counted_for_.end() && now - i->second < settings_.detection);
  }
  if (early) return;
  promised_ = accepted_ = x.number;
  accepted_value_ = x.value;
  if (!resizing_ && resizes(x.value)) resizing_ = now;
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
  // Who joins does not know what went before.
  if (view_.epoch > 0 ? resizes(x) : x.epoch > 1) resized_ = now_;
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
  resizing_.reset();
  last_proposal_.reset();
  std::erase_if(counted_for_, [&](const auto& entry) { return !has_member(x, entry.first); });
  std::string names;
  for (const auto& m : x.members)
    names += (names.empty() ? "" : ", ") + m.node;
  note("view " + std::to_string(x.epoch), "cluster view " + std::to_string(x.epoch) + ": " + names
                                              + " (quorum of " + std::to_string(x.size) + ")");
}

} // namespace echelon::cluster
