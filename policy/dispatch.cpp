#include "policy/dispatch.hpp"

#include <algorithm>
#include <utility>

namespace echelon::policy {

dispatch::dispatch(std::shared_ptr<const plan> plan, topology_ptr topology, request_terms terms,
                   hold_id hold, std::uint64_t seed)
    : plan_(std::move(plan)), topology_(std::move(topology)), terms_(terms), hold_(hold),
      seed_(seed), visits_(plan_->stages.size()) {
  stages_.reserve(plan_->stages.size());
  for (const auto& x : plan_->stages)
    stages_.push_back(&x);
}

std::mt19937_64& dispatch::random() {
  if (!random_) random_ = std::make_unique<std::mt19937_64>(seed_);
  return *random_;
}

action dispatch::begin(time_point now) {
  if (stages_.empty()) return finish({give_up::kind::unavailable, {}, refusal::unavailable}, now);
  begin_pass();
  return next_candidate(now);
}

action dispatch::on_admission(const admission_answer& x, time_point now) {
  const auto asked = std::exchange(asked_, {});
  if (plan_->rotates && !ordered_ && !x.members.empty()) apply_member_order(x.members);
  // Whoever was lost on the way took the pool's choice along: on in the file's order, not anew.
  if (x.why == refusal::unavailable) ordered_ = true;
  auto& seen = visits_[at_];
  if (seen.order.empty() && !x.order.empty()) seen.order = x.order;
  const auto used_up = [this](path_id actor) {
    std::erase_if(tickets_, [&](const auto& t) { return t.actor == actor; });
  };
  for (auto actor : x.trail)
    used_up(actor); // A ticket became a permit.
  if (x.why == refusal::unavailable) {
    // Whoever granted before the chain broke must give it back, and is asked again.
    for (auto actor : asked) {
      release(actor, outcome::neutral, true);
      drop_tickets([&](path_id held) { return held == actor; });
    }
    for (auto actor : x.trail)
      if (std::find(asked.begin(), asked.end(), actor) == asked.end())
        release(actor, outcome::neutral, true);
  } else {
    for (auto actor : x.trail) {
      held_.push_back({actor, hold_});
      if (actor == plan_->pool) held_member_ = stages_[at_]->pool_member;
    }
  }
  if (x.why == refusal::none) {
    drop_tickets();
    if (waiting_since_) queued_ += now - *std::exchange(waiting_since_, std::nullopt);
    const auto* model = model_in(at_, x.by);
    if (model == nullptr) {
      // Not a model of this stage: the topology changed under us.
      release_from(0, outcome::neutral, true);
      return finish({give_up::kind::unavailable, {}, refusal::unavailable}, now);
    }
    if (now >= terms_.deadline) {
      // The answer was long on its way: nothing is sent any more.
      release_from(0, outcome::neutral, true);
      return finish({give_up::kind::deadline, {}, refusal::none}, now);
    }
    if (last_attempt_stage_ ? at_ != *last_attempt_stage_ : at_ != 0) ++moves_;
    if (seen.attempts > 0 && !free_move(at_, *model)) ++seen.retries;
    ++seen.attempts;
    ++tries_[model->id];
    ++attempts_;
    vain_turns_ = 0;
    last_attempt_stage_ = at_;
    model_ = model->id;
    live_ = true;
    for (auto id : {terms_.key, plan_->router, plan_->node, plan_->pool})
      if (id != 0) charged_.insert(id);
    const auto& here = *stages_[at_];
    note(now, "attempt", here.label + "/" + model->name, "granted");
    return start_attempt{model->name,    here.label,   here.group_name,
                         here.tier_name, here.timeout, here.hedge_after};
  }
  used_up(x.by); // Also by a refusal.
  note_refusal(x, now);
  const bool closed = x.why == refusal::open || x.why == refusal::benched;
  const auto refuse_stages = [&](auto member, path_id id) {
    for (std::size_t i = 0; i < stages_.size(); ++i) {
      if (stages_[i]->*member != id) continue;
      visits_[i].refused = true;
      visits_[i].closed = visits_[i].closed || closed;
    }
  };
  switch (level_of(x.by)) {
  case level::key:
  case level::router:
  case level::node:
    blocked_ = true;
    blocked_by_ = x.by;
    break;
  case level::pool:
    if (x.why == refusal::open && ordered_ && x.members.empty() && stages_[at_]->pool_member != 0)
      refuse_stages(&stage::pool_member, stages_[at_]->pool_member);
    else
      blocked_ = true;
    break;
  case level::group: refuse_stages(&stage::group, x.by); break;
  case level::tier: refuse_stages(&stage::tier, x.by); break;
  case level::model:
    seen.passed.insert(x.by);
    if (closed) {
      seen.bad.insert(x.by);
      seen.shut.insert(x.by);
    }
    if (pick(at_) == nullptr) seen.refused = true;
    break;
  }
  return next_candidate(now);
}

action dispatch::on_turn(refusal why, time_point now) {
  const auto actor = asked_.empty() ? path_id{0} : asked_.front();
  asked_.clear();
  waiting_ = false;
  if (why == refusal::none) {
    tickets_.push_back({actor, waits_as_});
    ++vain_turns_;
    stood_back_ = false;
    note(now, "turn", name(actor), "a permit is free");
    begin_pass();
    return next_candidate(now);
  }
  last_refusal_ = why;
  if (now >= terms_.deadline || why == refusal::saturated) {
    withdraw({actor, waits_as_});
    return finish({give_up::kind::deadline, {}, refusal::saturated}, now);
  }
  note(now, "refused", name(actor), std::string{to_string(why)});
  if (why != refusal::unavailable) return wait_for_room(now);
  // It may wait there all the same, and the answer got lost. The actor was there a moment ago and
  // may be at another node soon: whoever asks for it finds out.
  constexpr duration moment = std::chrono::milliseconds{20};
  withdraw({actor, waits_as_});
  if (now + moment < terms_.deadline) return sleep_until{now + moment};
  return finish({give_up::kind::deadline, {}, refusal::saturated}, now);
}

action dispatch::on_slept(time_point now) {
  begin_pass();
  if (const auto x = std::exchange(resume_, std::nullopt)) {
    auto& seen = visits_[x->first];
    seen.left = false;
    seen.no_retry.erase(x->second);
    if (const auto* model = model_in(x->first, x->second); model && may_try(x->first, *model))
      return ask_stage(x->first, x->second);
  }
  return next_candidate(now);
}

/// What a failed attempt at `failed` means for what may be tried later.
void dispatch::note_failure(const attempt_result& x, path_id failed, time_point now) {
  auto& seen = visits_[at_];
  const auto& here = *stages_[at_];
  const auto* model = model_in(at_, failed);
  const auto rule = rule_of(x.kind);
  note(now, "failed", here.label + "/" + model->name, std::string{to_string(x.kind)});
  if (rule.counts) {
    seen.blamed = true;
    seen.bad.insert(failed);
  }
  if (x.model_closed_for > duration::zero()) seen.shut.insert(failed);
  const bool may_retry = rule.retry_here && !rule.bench && x.model_closed_for == duration::zero();
  if (!may_retry) seen.no_retry.insert(failed);
  if (rule.retry_here && rule.bench && tries_[failed] <= here.max_retries)
    later_.push_back({at_, failed, now + x.model_closed_for});
  if (rule.move_on) {
    lost_provider_ = model->provider;
    lost_group_ = here.group;
  }
}

action dispatch::on_failure(const attempt_result& x, time_point now) {
  live_ = false;
  hedge_lost(now); // Asked for and not granted yet, at most.
  const auto& here = *stages_[at_];
  const auto failed = model_;
  note_failure(x, failed, now);
  // The tier is asked anew for each attempt; what lies above it is kept while we stay.
  const auto keep =
      std::find_if(held_.begin(), held_.end(), [&](const auto& h) { return h.actor == here.tier; })
      - held_.begin();
  release_from(static_cast<std::size_t>(keep), outcome::neutral, false);
  const bool on = rule_of(x.kind).move_on || follow_cause(x.kind, *model_in(at_, failed));
  if (x.committed || !on) {
    leave(at_, std::nullopt);
    return finish({give_up::kind::upstream, {}, refusal::none}, now);
  }
  begin_pass();
  if (auto next = try_here(x, now)) return *next;
  const auto from = at_;
  visits_[from].left = true;
  const auto to = first_eligible();
  leave(from, to);
  if (to)
    note(now, "move", stages_[*to]->label,
         std::string{rule_of(x.kind).move_on ? to_string(here.strategy) : to_string(x.kind)});
  return next_candidate(now);
}

/// The next attempt in the stage of the one that failed, if there is one.
std::optional<action> dispatch::try_here(const attempt_result& x, time_point now) {
  auto& seen = visits_[at_];
  // A cause leads elsewhere, or there is no time left.
  if (seen.left || now >= terms_.deadline) return std::nullopt;
  while (const auto* next = pick(at_)) {
    if (tries_.count(next->id) == 0) return ask_stage(at_, next->id);
    // The same model again: full jitter over a doubling base; Retry-After is the floor.
    constexpr duration longest = std::chrono::seconds{60};
    const auto doublings = std::min<std::uint32_t>(tries_[next->id] - 1, 16);
    const auto cap = std::min<duration>(longest, plan_->retry_delay * (1LL << doublings));
    auto wait = duration{std::uniform_int_distribution<std::int64_t>{0, cap.count()}(random())};
    if (next->id == model_ && x.retry_after) wait = std::max(wait, *x.retry_after);
    // Longer than the time left, or too many retries of this target already.
    if (wait >= terms_.deadline - now || !take_retry(now)) {
      seen.no_retry.insert(next->id);
      continue;
    }
    if (wait == duration::zero()) return ask_stage(at_, next->id);
    release_from(0, outcome::neutral, false);
    resume_ = {at_, next->id};
    note(now, "backoff", name(next->id),
         std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(wait).count())
             + " ms");
    return sleep_until{now + wait};
  }
  return std::nullopt;
}

action dispatch::on_success(std::int64_t tokens, time_point now) {
  live_ = false;
  note(now, "answered", stages_[at_]->label, "");
  hedge_lost(now);
  while (!held_.empty())
    release_last(outcome::success, false, tokens);
  drop_tickets();
  return done{};
}

} // namespace echelon::policy
