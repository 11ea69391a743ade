// Which candidate comes next.
#include "policy/dispatch.hpp"

#include <algorithm>
#include <utility>

namespace echelon::policy {

const stage_model* dispatch::model_in(std::size_t index, path_id id) const {
  for (const auto& x : stages_[index]->models)
    if (x.id == id) return &x;
  return nullptr;
}

/// Whether the stage may be entered: not refused or left, and within the cap on moves.
bool dispatch::eligible(std::size_t index) const {
  const auto& seen = visits_[index];
  if (seen.left || seen.refused) return false;
  if (only_ ? std::find(only_->begin(), only_->end(), index) == only_->end()
            : stages_[index]->reserve)
    return false;
  const bool moves = last_attempt_stage_ ? index != *last_attempt_stage_ : index != 0;
  if (moves && (!plan_->fallback || moves_ >= plan_->max_moves)) return false;
  return pick(index) != nullptr;
}

std::optional<std::size_t> dispatch::first_eligible() const {
  if (only_) {
    const auto i = std::find_if(only_->begin(), only_->end(), [&](auto x) { return eligible(x); });
    return i == only_->end() ? std::nullopt : std::optional{*i};
  }
  for (std::size_t i = 0; i < stages_.size(); ++i)
    if (eligible(i)) return i;
  return std::nullopt;
}

/// Fallback by cause, where the stage asks for it. @returns Whether the request goes on.
bool dispatch::follow_cause(failure_class kind, const stage_model& failed) {
  const bool overflow = kind == failure_class::context_overflow;
  if (!overflow && kind != failure_class::content_policy) return false;
  const auto& route = overflow ? stages_[at_]->on_overflow : stages_[at_]->on_policy;
  if (!route.tiers.empty()) {
    std::vector<std::size_t> to;
    for (auto tier : route.tiers)
      for (std::size_t i = 0; i < stages_.size(); ++i)
        if (stages_[i]->tier == tier && !visits_[i].left) to.push_back(i);
    only_ = std::move(to);
    // The request is wrong for where it came from, not for where it goes.
    visits_[at_].left = true;
    return true;
  }
  if (!route.next) return false;
  if (overflow && failed.context_window)
    for (std::size_t i = 0; i < stages_.size(); ++i)
      for (const auto& x : stages_[i]->models)
        if (x.context_window && *x.context_window <= *failed.context_window)
          visits_[i].no_retry.insert(x.id);
  return true;
}

bool dispatch::take_retry(time_point now) {
  if (!terms_.take_retry || terms_.take_retry(now)) return true;
  note(now, "refused", plan_->target, "retry budget spent");
  return false;
}

/// A move that the group's strategy makes within a tier; it is no retry.
bool dispatch::free_move(std::size_t index, const stage_model& x) const {
  if (tries_.count(x.id) != 0) return false;
  switch (stages_[index]->strategy) {
  case fallback_strategy::echelon_down: return false;
  case fallback_strategy::model_rotate: return true;
  case fallback_strategy::provider_failover:
    return !lost_provider_ || x.provider != *lost_provider_;
  }
  return false;
}

bool dispatch::may_try(std::size_t index, const stage_model& x) const {
  const auto& seen = visits_[index];
  const auto& here = *stages_[index];
  if (seen.passed.count(x.id) != 0 || seen.no_retry.count(x.id) != 0) return false;
  const auto tried = tries_.find(x.id);
  if (tried != tries_.end() && tried->second > here.max_retries) return false;
  if (seen.attempts == 0) {
    // A lower tier under provider_failover is entered for another provider only.
    const bool bound = here.strategy == fallback_strategy::provider_failover && lost_provider_
                       && here.group == lost_group_;
    return !bound || x.provider != *lost_provider_;
  }
  return free_move(index, x) || seen.retries < here.max_retries;
}

/// The best model of the stage: a free move first, then an untried one, then the least tried.
const stage_model* dispatch::pick(std::size_t index) const {
  const stage_model* best = nullptr;
  auto best_rank = std::pair{2, std::uint32_t{0}};
  const auto consider = [&](const stage_model& x) {
    if (!may_try(index, x)) return;
    const auto tried = tries_.find(x.id);
    const auto rank = std::pair{free_move(index, x) ? 0 : 1,
                                tried == tries_.end() ? std::uint32_t{0} : tried->second};
    if (best == nullptr || rank < best_rank) {
      best = &x;
      best_rank = rank;
    }
  };
  const auto& seen = visits_[index];
  for (auto id : seen.order)
    if (const auto* x = model_in(index, id)) consider(*x);
  if (seen.order.empty())
    for (const auto& x : stages_[index]->models)
      consider(x);
  return best;
}

void dispatch::begin_pass() {
  for (auto& x : visits_) {
    x.passed.clear();
    x.refused = false;
  }
  saturated_.clear();
  rate_limited_ = blocked_ = false;
  blocked_by_ = 0;
  soonest_ = {};
}

action dispatch::next_candidate(time_point now) {
  if (now >= terms_.deadline) return finish({give_up::kind::deadline, {}, refusal::none}, now);
  if (plan_->rotates && !ordered_ && !blocked_) return ask_stage(0, 0);
  if (!blocked_)
    if (const auto i = first_eligible())
      // The tier chooses on the first visit; later it has told its order.
      return ask_stage(*i, visits_[*i].order.empty() ? 0 : pick(*i)->id);
  return exhausted(now);
}

action dispatch::ask_stage(std::size_t index, path_id model) {
  at_ = index;
  const auto& here = *stages_[index];
  const bool alone = here.tier == 0;
  const auto wanted = full_route(index, alone ? here.models.front().id : model);
  std::size_t common = 0;
  while (common < held_.size() && common < wanted.size() && held_[common].actor == wanted[common])
    ++common;
  // The pool must say of each member whether it may be used.
  if (plan_->pool != 0 && here.pool_member != held_member_) {
    const auto pool = std::find_if(held_.begin(), held_.end(),
                                   [&](const auto& h) { return h.actor == plan_->pool; });
    common = std::min(common, static_cast<std::size_t>(pool - held_.begin()));
  }
  release_from(common, outcome::neutral, true);
  if (std::exchange(asked_before_, true) && terms_.next_hold) hold_ = terms_.next_hold();
  ask_admission x;
  x.hold = hold_;
  x.route.assign(wanted.begin() + static_cast<std::ptrdiff_t>(common), wanted.end());
  x.tokens = terms_.tokens;
  x.money = terms_.money;
  x.tickets = tickets_;
  x.charged.assign(charged_.begin(), charged_.end());
  x.closed.assign(visits_[index].shut.begin(), visits_[index].shut.end());
  for (const auto& m : here.models) {
    if (!may_try(index, m))
      x.exclude.push_back(m.id);
    else if (tries_.count(m.id) != 0)
      x.avoid.push_back(m.id);
  }
  asked_ = x.route;
  return x;
}

void dispatch::note_refusal(const admission_answer& x, time_point now) {
  last_refusal_ = x.why;
  std::string why{to_string(x.why)};
  if (x.next != 0) why += ", next " + name(x.next);
  note(now, "refused", name(x.by), std::move(why));
  if (x.why == refusal::saturated || x.why == refusal::queue_full) {
    if (std::find(saturated_.begin(), saturated_.end(), x.by) == saturated_.end())
      saturated_.push_back(x.by);
  } else if (x.why == refusal::rate_limited || x.why == refusal::spent) {
    rate_limited_ = true;
  }
  const auto wait = x.retry_after;
  if (wait > duration::zero() && (soonest_ == duration::zero() || wait < soonest_)) soonest_ = wait;
}

void dispatch::apply_member_order(const std::vector<path_id>& members) {
  std::vector<const stage*> sorted;
  for (auto member : members)
    for (const auto* x : stages_)
      if (x->pool_member == member && !x->reserve) sorted.push_back(x);
  for (const auto* x : stages_)
    if (x->reserve) sorted.push_back(x);
  stages_ = std::move(sorted);
  visits_.assign(stages_.size(), {});
  ordered_ = true;
  at_ = 0;
}

action dispatch::exhausted(time_point now) {
  release_from(0, outcome::neutral, true);
  if (saturated_.empty()) return retry_later(now);
  // Two that wait at two levels of one branch can swap their turns for ever: one must stand back.
  constexpr std::uint32_t patience = 3, most = 6;
  if (vain_turns_ > patience && !std::exchange(stood_back_, true)) {
    const duration longest =
        std::chrono::milliseconds{1LL << std::min(vain_turns_ - patience, most)};
    const auto when =
        now + duration{std::uniform_int_distribution<std::int64_t>{1, longest.count()}(random())};
    if (when < terms_.deadline) {
      drop_tickets();
      return sleep_until{when};
    }
  }
  return wait_for_room(now);
}

// Second pass: wait where the preferred candidate was full. Actors are acquired top down: a ticket
// above the new place is kept, one below it is given back, so no two requests can hold each other
// up.
action dispatch::wait_for_room(time_point now) {
  while (!saturated_.empty()) {
    const auto actor = saturated_.front();
    saturated_.erase(saturated_.begin());
    drop_tickets([&](path_id held) { return level_of(held) >= level_of(actor); });
    if (!waiting_since_) waiting_since_ = now;
    asked_ = {actor};
    waiting_ = true;
    note(now, "wait", name(actor), "every candidate is full");
    waits_as_ = terms_.next_hold ? terms_.next_hold() : hold_;
    return wait_turn{actor, {waits_as_, terms_.priority, terms_.deadline, *waiting_since_}};
  }
  return retry_later(now);
}

// Nothing can start now: a model that asked to wait is the last resort.
action dispatch::retry_later(time_point now) {
  while (!later_.empty()) {
    const auto first = std::min_element(
        later_.begin(), later_.end(), [](const auto& a, const auto& b) { return a.when < b.when; });
    const auto x = *first;
    later_.erase(first);
    auto& seen = visits_[x.stage];
    const bool moves = last_attempt_stage_ && x.stage != *last_attempt_stage_;
    if (x.when >= terms_.deadline || seen.retries >= stages_[x.stage]->max_retries
        || (moves && moves_ >= plan_->max_moves) || only_ || !take_retry(now))
      continue;
    drop_tickets();
    resume_ = {x.stage, x.model};
    note(now, "backoff", name(x.model), "until its Retry-After has passed");
    return sleep_until{x.when};
  }
  if (attempts_ > 0) return finish({give_up::kind::upstream, soonest_, last_refusal_}, now);
  if (rate_limited_ || last_refusal_ == refusal::queue_full || last_refusal_ == refusal::saturated)
    return finish({give_up::kind::no_room, soonest_, last_refusal_}, now);
  if (last_refusal_ == refusal::unavailable)
    return finish({give_up::kind::unavailable, soonest_, last_refusal_}, now);
  return finish({give_up::kind::all_open, soonest_, last_refusal_}, now);
}

action dispatch::finish(give_up x, time_point now) {
  x.by = blocked_by_;
  bool blamed = false, all = true;
  hedge_lost(now);
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    all = all && (stages_[i]->reserve || failed_whole(i));
    if (!visits_[i].blamed) continue;
    blamed = true;
    blame_outer(*stages_[i]);
  }
  if (blamed && all) blame(plan_->node, 0);
  release_from(0, outcome::neutral, !live_);
  drop_tickets();
  note(now, "give_up", plan_->target, std::string{to_string(x.reason)});
  return x;
}

} // namespace echelon::policy
