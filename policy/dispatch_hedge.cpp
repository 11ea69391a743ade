// A second attempt beside the one that is late.
#include "policy/dispatch.hpp"

#include <algorithm>
#include <utility>

namespace echelon::policy {

std::optional<ask_admission> dispatch::ask_hedge(hold_id hold, time_point now) {
  const auto& here = *stages_[at_];
  const auto& seen = visits_[at_];
  if (!live_ || hedge_ || here.tier == 0) return std::nullopt;
  ask_admission x;
  for (const auto& m : here.models)
    if (tries_.count(m.id) != 0 || seen.passed.count(m.id) != 0 || seen.no_retry.count(m.id) != 0)
      x.exclude.push_back(m.id);
  if (x.exclude.size() == here.models.size() || !take_retry(now)) return std::nullopt;
  hedge_ = hedge{hold, 0, {}};
  x.hold = hold;
  x.route = {here.tier};
  x.tokens = terms_.tokens;
  x.closed.assign(seen.shut.begin(), seen.shut.end());
  return x;
}

std::optional<start_attempt> dispatch::on_hedge_admission(const admission_answer& x,
                                                          time_point now) {
  if (!hedge_) return std::nullopt;
  hedge_->held = x.trail;
  const auto& here = *stages_[at_];
  const auto* model = x.why == refusal::none ? model_in(at_, x.by) : nullptr;
  if (model == nullptr) {
    note(now, "refused", name(x.by), "hedge: " + std::string{to_string(x.why)});
    while (!hedge_->held.empty()) {
      release(hedge_->held.back(), outcome::neutral, true, -1, hedge_->hold);
      hedge_->held.pop_back();
    }
    hedge_.reset();
    return std::nullopt;
  }
  hedge_->model = model->id;
  ++tries_[model->id];
  ++attempts_;
  note(now, "hedge", here.label + "/" + model->name, "the attempt before has not begun to answer");
  return start_attempt{model->name,    here.label,   here.group_name,
                       here.tier_name, here.timeout, std::nullopt};
}

// Where both attempts were sent the loser's permits and reserved tokens come back, its unit of an
// attempt limit does not.
void dispatch::hedge_lost(time_point now, bool started) {
  if (!hedge_) return;
  if (hedge_->model != 0) {
    note(now, "lost", name(hedge_->model), "another attempt answers");
    if (!started) {
      --attempts_;
      --tries_[hedge_->model];
    }
  }
  while (!hedge_->held.empty()) {
    release(hedge_->held.back(), outcome::neutral, !started, 0, hedge_->hold);
    hedge_->held.pop_back();
  }
  hedge_.reset();
}

/// The hedge takes the place of the attempt.
void dispatch::promote_hedge(std::int64_t tokens) {
  const auto tier = stages_[at_]->tier;
  while (!held_.empty() && (held_.back().actor == model_ || held_.back().actor == tier))
    release_last(outcome::neutral, false, tokens);
  for (auto actor : hedge_->held)
    held_.push_back({actor, hedge_->hold});
  model_ = hedge_->model;
  hedge_.reset();
}

void dispatch::hedge_won(time_point now) {
  note(now, "lost", name(model_), "another attempt answers");
  promote_hedge(0);
}

void dispatch::hand_over(const attempt_result& x, time_point now) {
  note_failure(x, model_, now);
  promote_hedge(-1);
}

void dispatch::on_hedge_failure(const attempt_result& x, time_point now) {
  note_failure(x, hedge_->model, now);
  while (!hedge_->held.empty()) {
    release(hedge_->held.back(), outcome::neutral, false, -1, hedge_->hold);
    hedge_->held.pop_back();
  }
  hedge_.reset();
}

} // namespace echelon::policy
