// What this node writes to etcd: its own key, and the next view.
#include "cluster/etcd_membership.hpp"

#include <algorithm>
#include <utility>

namespace echelon::cluster {

using messages::member;
using messages::view;

namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t views_kept = 32; // Who is further behind starts anew.

} // namespace

bool etcd_membership::has_key(const member& x) const {
  const auto i = seen_.find(x.node);
  return i != seen_.end() && i->second.what.who == x;
}

std::int64_t etcd_membership::revision_of(const std::string& node) const {
  const auto i = seen_.find(node);
  return i == seen_.end() ? 0 : i->second.revision;
}

etcd_record etcd_membership::own_record() const {
  return {settings_.self,   settings_.cluster, own_.version, etcd_record{}.protocol,
          settings_.config, lived_by_,         leaving_};
}

void etcd_membership::write(time_point now) {
  if (lease_ == 0 || now < join_after_) return;
  const auto i = seen_.find(settings_.self.node);
  if (!registered_ || i == seen_.end() || !(i->second.what == own_record()))
    return register_self(now);
  propose(now);
}

void etcd_membership::register_self(time_point now) {
  if (!registered_ && leaving_) return;
  const auto i = seen_.find(settings_.self.node);
  if (i != seen_.end() && i->second.what.who != settings_.self && i->second.lease != lease_) {
    note("waits " + std::to_string(i->second.what.who.incarnation),
         "another process has this node's name, '" + settings_.self.node
             + "': joining when its lease has ended");
    return;
  }
  etcd_call x;
  x.conditions.push_back({keys_.member(settings_.self.node), revision_of(settings_.self.node)});
  // Our lease was gone, and a view without us may have come meanwhile.
  if (!registered_ && is_member()) {
    if (!up_to_date_) return;
    x.conditions.push_back({keys_.head(), head_});
  }
  x.puts.push_back({keys_.member(settings_.self.node), written(own_record()), lease_});
  ask(data_lane_, std::move(x), now);
}

/// The view that should come next, as far as this node sees; nothing if all is well.
std::optional<view> etcd_membership::wanted() const {
  // Who has left may still be handing over.
  if (!up_to_date_ || std::any_of(view_.left.begin(), view_.left.end(), [&](const auto& m) {
        return has_key(m);
      }))
    return std::nullopt;
  view next;
  next.origin = view_.epoch == 0 ? settings_.self.incarnation : view_.origin;
  next.epoch = view_.epoch + 1;
  next.before = view_.members;
  for (const auto& m : view_.members)
    if (has_key(m)) (seen_.at(m.node).what.leaving ? next.left : next.members).push_back(m);
  for (const auto& [node, x] : seen_)
    if (!x.what.leaving && !is_among(view_.members, x.what.who)) next.members.push_back(x.what.who);
  std::sort(next.members.begin(), next.members.end());
  const auto stays = [&](const auto& m) {
    return is_among(next.members, m) || is_among(next.left, m);
  };
  const bool lost =
      !view_.left.empty() || !std::all_of(view_.members.begin(), view_.members.end(), stays);
  for (const auto& m : view_.members)
    if (lost && stays(m) && seen_.at(m.node).what.epoch < view_.epoch) return std::nullopt;
  if (next.left.empty() && (next.members.empty() || next.members == view_.members))
    return std::nullopt;
  return next;
}

etcd_call etcd_membership::commit_of(view next, time_point now) const {
  next.id = policy::id_of(settings_.self.node + ' ' + std::to_string(settings_.self.incarnation)
                          + ' ' + std::to_string(now.time_since_epoch().count()));
  etcd_call x;
  x.conditions.push_back({keys_.head(), head_});
  // Whoever changes must be as it was seen: those that are out gone, those that join alive.
  std::set<std::string> nodes;
  for (const auto* list : {&view_.members, &view_.left, &std::as_const(next).members})
    for (const auto& m : *list)
      if (!is_among(view_.members, m) || !is_among(next.members, m)) nodes.insert(m.node);
  for (const auto& node : nodes)
    x.conditions.push_back({keys_.member(node), revision_of(node)});
  const auto text = written(next);
  x.puts = {{keys_.head(), text, 0}, {keys_.view(next.epoch), text, 0}};
  if (next.epoch > views_kept) x.deletes.push_back(keys_.view(next.epoch - views_kept));
  return x;
}

void etcd_membership::propose(time_point now) {
  auto next = wanted();
  if (!next) return wanted_since_.reset();
  if (!wanted_since_) wanted_since_ = now;
  // The first that lives writes it; the others step in one by one, should it not.
  auto electors = next->left;
  for (const auto& m : next->members)
    electors.push_back(m);
  std::stable_partition(electors.begin(), electors.end(),
                        [&](const auto& m) { return is_among(view_.members, m); });
  const auto rank = std::find(electors.begin(), electors.end(), settings_.self) - electors.begin();
  if (now - *wanted_since_ < rank * 300ms) return;
  ask(data_lane_, commit_of(std::move(*next), now), now);
}

} // namespace echelon::cluster
