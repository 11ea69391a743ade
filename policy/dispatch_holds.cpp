// What a request holds at which actors, and how it gives that back.
#include "policy/dispatch.hpp"

#include <algorithm>
#include <utility>

namespace echelon::policy {

level dispatch::level_of(path_id id) const {
  const auto* x = topology_->find(id);
  return x ? x->at : level::model;
}

std::string dispatch::name(path_id id) const {
  return std::string{topology_->path(id)};
}

void dispatch::note(time_point now, std::string what, std::string actor, std::string reason) {
  constexpr std::size_t most = 200; // A decision record is bounded.
  if (steps_.size() < most)
    steps_.push_back({now, std::move(what), std::move(actor), std::move(reason)});
}

std::vector<path_id> dispatch::full_route(std::size_t index, path_id model) const {
  std::vector<path_id> route;
  for (auto id : {terms_.key, plan_->router, plan_->node, plan_->pool})
    if (id != 0) route.push_back(id);
  if (plan_->rotates && !ordered_) return route;
  const auto& x = *stages_[index];
  for (auto id : {x.group, x.tier, model})
    if (id != 0) route.push_back(id);
  return route;
}

void dispatch::release(path_id actor, outcome result, bool refund, std::int64_t tokens,
                       hold_id hold) {
  actor_release x;
  x.actor = actor;
  x.release = {hold != 0 ? hold : hold_, result, refund && charged_.count(actor) == 0, tokens, {}};
  if (at_ < stages_.size()) {
    if (actor == plan_->pool) x.member = stages_[at_]->pool_member;
    if (actor == stages_[at_]->tier) x.member = model_;
  }
  releases_.push_back(x);
}

void dispatch::release_last(outcome result, bool refund, std::int64_t tokens) {
  const auto x = held_.back();
  held_.pop_back();
  release(x.actor, result, refund, tokens, x.hold);
  // Each hold of the key settles what was spent while it was held.
  if (x.actor == terms_.key) releases_.back().release.money = std::exchange(cost_, 0);
}

void dispatch::release_from(std::size_t first, outcome result, bool refund) {
  while (held_.size() > first)
    release_last(result, refund);
}

bool dispatch::drop_held(path_id actor) {
  return std::erase_if(held_, [&](const auto& x) { return x.actor == actor; }) != 0;
}

void dispatch::withdraw(const ticket& x) {
  release(x.actor, outcome::neutral, true, -1, x.id);
}

void dispatch::drop_tickets() {
  drop_tickets([](path_id) { return true; });
}

void dispatch::renew_hold(hold_id old, hold_id fresh) {
  if (hedge_ && hedge_->hold == old) {
    hedge_->hold = fresh;
    return;
  }
  hold_ = fresh;
}

actor_release dispatch::failure_release(failure_class kind, std::optional<duration> retry_after,
                                        std::int64_t tokens, bool of_hedge) {
  const auto rule = rule_of(kind);
  actor_release x;
  x.actor = of_hedge ? hedge_->model : model_;
  x.release.id = of_hedge ? hedge_->hold : hold_;
  if (!of_hedge)
    for (const auto& h : held_)
      if (h.actor == model_) x.release.id = h.hold;
  x.release.result = rule.counts ? outcome::failure : outcome::neutral;
  x.release.tokens = tokens;
  if (rule.bench) x.release.bench = bench_time(kind, retry_after);
  if (of_hedge) {
    std::erase(hedge_->held, x.actor);
  } else {
    drop_held(model_);
  }
  return x;
}

duration dispatch::bench_time(failure_class kind, std::optional<duration> retry_after) {
  using namespace std::chrono_literals;
  constexpr duration longest = 10min;
  switch (kind) {
  case failure_class::rate_limited:
    return std::clamp<duration>(retry_after.value_or(0ns), 0ns, longest);
  case failure_class::quota_exhausted: return longest;
  case failure_class::credential:
  case failure_class::model_missing: return 60s;
  default: return 0ns;
  }
}

// Tells `actor` once of a failure that counts against it; its hold, if any, ends with that.
void dispatch::blame(path_id actor, path_id member) {
  if (actor == 0 || !told_.insert({actor, member}).second) return;
  const bool whole = member == 0;
  hold_id hold = whole ? hold_ : 0;
  for (const auto& x : held_)
    if (whole && x.actor == actor) hold = x.hold;
  if (whole) drop_held(actor);
  releases_.push_back({actor, {hold, outcome::failure, false, -1, {}}, member});
}

/// Whether nothing of the stage is left that could have answered: a healthy sibling clears its
/// tier.
bool dispatch::failed_whole(std::size_t index) const {
  const auto& seen = visits_[index];
  const auto& models = stages_[index]->models;
  return seen.closed || std::all_of(models.begin(), models.end(), [&](const auto& m) {
           return seen.bad.count(m.id) != 0;
         });
}

// The request leaves stage `index` for good, for `next` or for nowhere.
void dispatch::leave(std::size_t index, std::optional<std::size_t> next) {
  const auto& from = *stages_[index];
  visits_[index].left = true;
  if (visits_[index].blamed && failed_whole(index)) blame(from.tier, 0);
  if (!next || stages_[*next]->group != from.group) blame_outer(from);
}

// The group of `from`, and its pool member, have failed this request if all of their stages have.
void dispatch::blame_outer(const stage& from) {
  const auto failed = [&](auto member) {
    std::size_t count = 0;
    bool blamed = false;
    for (std::size_t i = 0; i < stages_.size(); ++i) {
      if (stages_[i]->*member != from.*member || !failed_whole(i)) continue;
      ++count;
      blamed = blamed || visits_[i].blamed;
    }
    const bool one_tier = from.*member == from.tier;
    return blamed && count >= (one_tier ? 1 : from.group_tiers);
  };
  if (failed(&stage::group)) blame(from.group, 0);
  if (from.pool_member != 0 && failed(&stage::pool_member)) blame(plan_->pool, from.pool_member);
}

void dispatch::abandon(time_point now, bool sent) {
  hedge_lost(now);
  const bool unused = !live_ || !sent;
  if (live_ && !sent && --attempts_ == 0) charged_.clear(); // Nothing was bought.
  // A pending ask is given back by whoever receives its late answer.
  if (waiting_) withdraw({asked_.front(), waits_as_});
  release_from(0, outcome::neutral, unused);
  drop_tickets();
  live_ = waiting_ = false;
  note(now, "abandoned", "", "the client left or the router stopped");
}

std::vector<actor_release> dispatch::take_releases() {
  return std::exchange(releases_, {});
}

} // namespace echelon::policy
