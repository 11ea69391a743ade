#include "actors/branches.hpp"

#include <algorithm>
#include <limits>

namespace echelon::actors {

using namespace policy;

namespace {

constexpr std::uint32_t never = std::numeric_limits<std::uint32_t>::max();

/// The same actor without anything to limit: what may start is the lease's to say.
actor_spec unlimited(actor_spec x) {
  x.gate = {};
  x.gate.breaker.failure_threshold = never;
  x.ejection.failure_threshold = never;
  return x;
}

} // namespace

branches::branch::branch(const actor_spec& x, time_point now)
    : place(x.place), spec(x), core(unlimited(x), now), account(now) {}

void branches::apply(const topology& x, time_point now) {
  {
    const std::lock_guard guard{mutex_};
    for (const auto& [id, spec] : x.actors) {
      auto& to = branches_[id];
      if (!to) to = std::make_shared<branch>(spec, now);
    }
  }
  for (const auto& [id, b] : all()) {
    const std::lock_guard guard{b->mutex};
    const auto* spec = x.find(id);
    b->gone = spec == nullptr;
    if (spec == nullptr || *spec == b->spec) continue;
    b->spec = *spec;
    b->place = spec->place;
    b->core.apply(unlimited(*spec), now);
    b->changed = true;
  }
}

void branches::set_wake(std::function<void()> x) {
  const std::lock_guard guard{mutex_};
  wake_ = std::move(x);
}

void branches::enable(std::string node) {
  const std::lock_guard guard{mutex_};
  node_ = std::move(node);
  enabled_ = true;
}

void branches::close() {
  enabled_ = false;
  wake();
}

std::shared_ptr<branches::branch> branches::find(path_id id) const {
  const std::lock_guard guard{mutex_};
  const auto i = branches_.find(id);
  return i == branches_.end() ? nullptr : i->second;
}

std::vector<std::pair<path_id, std::shared_ptr<branches::branch>>> branches::all() const {
  const std::lock_guard guard{mutex_};
  return {branches_.begin(), branches_.end()};
}

void branches::wake() {
  if (woken_.exchange(true)) return;
  const std::lock_guard guard{mutex_};
  if (wake_) wake_();
}

void branches::note_own(hold_id hold) {
  if (gateway_of(hold) == tag_) ++counts_.own;
}

std::optional<messages::admit_reply> branches::pass(messages::admit_request& msg, time_point now) {
  if (gateway_of(msg.hold) != tag_) return std::nullopt;
  while (!msg.route.empty()) {
    const auto id = msg.route.front();
    if (where_->local(id)) return std::nullopt;
    const auto b = enabled_ ? find(id) : nullptr;
    if (!b) break;
    std::unique_lock guard{b->mutex};
    const bool charge = b->core.charges(msg);
    const auto tokens = b->core.tokens_of(msg);
    // A permit that the actor itself keeps is asked for there.
    const bool usable = !b->gone && !b->changed && where_->may_act(now)
                        && !b->account.holds(msg.hold) && b->core.ticket_of(msg) == 0;
    if (!b->account.may_take(charge, now, tokens) || !usable) {
      const bool due = b->account.due(now);
      guard.unlock();
      if (due) wake();
      break;
    }
    auto decision = b->core.admit(msg, now);
    if (auto* reply = std::get_if<messages::admit_reply>(&decision)) {
      // The last of the route has granted, or nothing could follow.
      if (reply->why != 0) return std::move(*reply);
    }
    b->account.take(msg.hold, charge, now, tokens);
    ++counts_.leased;
    const bool due = b->account.due(now);
    guard.unlock();
    if (due) wake();
    if (auto* reply = std::get_if<messages::admit_reply>(&decision)) return std::move(*reply);
  }
  ++counts_.remote;
  return std::nullopt;
}

bool branches::release(messages::report_outcome& msg, time_point now) {
  const auto b = find(msg.actor);
  if (!b) return false;
  std::unique_lock guard{b->mutex};
  if (msg.hold == 0) {
    msg.cleared = b->account.take_cleared(msg.member);
    return false;
  }
  const auto result = static_cast<outcome>(msg.result);
  const bool success = result == outcome::success;
  const auto epoch = b->account.release(msg.hold, msg.refund, success, now, msg.tokens);
  static_cast<void>(b->core.report(msg, now)); // Also of leases that were dropped.
  if (!epoch) return false;
  if (success) b->account.member_well(msg.member);
  if (result == outcome::failure || msg.bench_ns > 0) {
    msg.lent = *epoch + 1;
    msg.cleared = b->account.take_cleared(0);
    return false;
  }
  const bool due = b->account.due(now);
  guard.unlock();
  if (due) wake();
  return true;
}

void branches::reconcile(const std::vector<messages::actor_holdings>& held, time_point before,
                         time_point now) {
  std::unordered_map<path_id, const messages::actor_holdings*> by_actor;
  for (const auto& x : held)
    by_actor[x.actor] = &x;
  for (const auto& [id, b] : all()) {
    const auto found = by_actor.find(id);
    std::vector<hold_id> lost;
    {
      const std::lock_guard guard{b->mutex};
      lost = b->account.unknown(
          found == by_actor.end() ? std::vector<hold_id>{} : found->second->holds, before);
    }
    for (const auto hold : lost) {
      messages::report_outcome x;
      x.actor = id;
      x.hold = hold;
      x.result = static_cast<std::uint8_t>(outcome::neutral);
      static_cast<void>(release(x, now));
    }
  }
}

void branches::drop_all(time_point now) {
  for (const auto& [id, b] : all()) {
    const std::lock_guard guard{b->mutex};
    b->account.drop(now);
  }
}

std::vector<messages::actor_holdings> branches::drop(path_id place, time_point now) {
  std::vector<messages::actor_holdings> found;
  for (const auto& [id, b] : all()) {
    const std::lock_guard guard{b->mutex};
    if (b->place != place) continue;
    auto& to = found.emplace_back();
    to.actor = id;
    to.holds = b->account.drop(now);
    to.terms = {{tag_, b->account.term()}};
  }
  return found;
}

messages::claim_lease branches::claim_of(path_id id, lease_claim x) const {
  x.tag = tag_;
  const std::lock_guard guard{mutex_};
  x.node = node_;
  return {id, std::move(x)};
}

std::vector<messages::claim_lease> branches::due(time_point now) {
  woken_ = false;
  std::vector<messages::claim_lease> found;
  std::vector<path_id> gone;
  for (const auto& [id, b] : all()) {
    std::unique_lock guard{b->mutex};
    auto& account = b->account;
    const bool ending = b->gone || b->changed || !enabled_ || where_->local(id) != nullptr;
    if (account.empty()) b->changed = false;
    if (b->gone && account.over(now)) {
      gone.push_back(id);
      continue;
    }
    if (!account.due(now, ending)) continue;
    auto x = account.claim(now, ending);
    b->changed = false; // Nothing is left that was lent by the old settings.
    guard.unlock();
    found.push_back(claim_of(id, std::move(x)));
  }
  const std::lock_guard guard{mutex_};
  for (const auto id : gone)
    branches_.erase(id);
  return found;
}

void branches::accept(path_id actor, const lease_terms& x, time_point now) {
  const auto b = find(actor);
  if (!b) return;
  const std::lock_guard guard{b->mutex};
  b->account.accept(x, now);
}

void branches::missed(path_id actor, std::uint64_t serial, time_point now) {
  const auto b = find(actor);
  if (!b) return;
  const std::lock_guard guard{b->mutex};
  b->account.missed(serial, now);
}

messages::claim_lease branches::recall(path_id actor, time_point now) {
  const auto b = find(actor);
  if (!b) return claim_of(actor, {});
  std::unique_lock guard{b->mutex};
  auto x = b->account.give_back(now);
  guard.unlock();
  return claim_of(actor, std::move(x));
}

} // namespace echelon::actors
