#include "crowd.hpp"

#include "actors/translate.hpp"

#include <algorithm>
#include <utility>

namespace echelon::test {

using namespace policy;

struct crowd::request {
  arrival from;
  std::shared_ptr<const plan> way;
  std::unique_ptr<dispatch> core;
  time_point deadline{};
  hold_id hold = 0, hedge_hold = 0;
  std::uint64_t attempt = 0; // Number of the running attempt; events of others are stale.
  std::uint64_t hedge = 0;   // Number of the running hedge; 0: none.
  bool busy = false;         // An answer of the hierarchy is on its way.
  bool waiting = false;
  bool gone = false, over = false, sent = false;
  bool paid = false; // Its levels that count requests have been paid.
  // Actors of the attempt: those above the tier, then tier and model of each attempt.
  std::vector<path_id> upper, permits, hedge_permits;
  std::map<std::string, std::uint32_t> tries;
};

crowd::crowd(const config::RouterConfig& config, crowd_options options)
    : topology_(config::make_topology(config)), config_(config), options_(std::move(options)),
      random_(options_.seed) {
  for (const auto& [id, spec] : topology_->actors)
    actors_.emplace(id, actors::level_core{spec, now_});
}

crowd::~crowd() = default;

/// One actor goes to another node: what it remembers goes over, who waits there looks around again.
void crowd::move_one() {
  if (alive_ == 0 && events_.empty()) return;
  auto i = actors_.begin();
  std::advance(i, std::uniform_int_distribution<std::size_t>{0, actors_.size() - 1}(random_));
  const auto memory = i->second.save(now_);
  actors::level_core fresh{i->second.spec(), now_};
  fresh.load(memory, now_);
  i->second = std::move(fresh);
  for (auto& [hold, r] : std::exchange(waiting_, {}))
    at(now_ + delay(), [this, r = r] {
      if (!r->waiting || r->over) return;
      r->waiting = false;
      step(r, r->core->on_turn(refusal::none, now_));
    });
  if (alive_ > 0) at(now_ + options_.moves, [this] { move_one(); });
}

void crowd::violation(std::string what) {
  if (violations_.size() < 20) violations_.push_back(std::move(what));
}

void crowd::at(time_point t, std::function<void()> what) {
  events_.push({std::max(t, now_), ++events_so_far_, std::move(what)});
}

duration crowd::delay() {
  const auto most = options_.answer_delay.count();
  return duration{std::uniform_int_distribution<std::int64_t>{0, most}(random_)};
}

void crowd::add(const arrival& x) {
  at(x.at, [this, x] { start(x); });
}

void crowd::run_until(time_point t) {
  while (!events_.empty() && events_.top().at <= t) {
    auto what = std::move(const_cast<event&>(events_.top()).what);
    now_ = events_.top().at;
    events_.pop();
    what();
  }
  if (t != time_point::max()) now_ = std::max(now_, t);
}

void crowd::run() {
  run_until(time_point::max());
  if (alive_ != 0) violation(std::to_string(alive_) + " requests never ended");
}

void crowd::start(const arrival& x) {
  auto r = std::make_shared<request>();
  r->from = x;
  std::string unknown;
  r->way = config::plan_for(*topology_, x.target, {}, unknown);
  r->deadline = now_ + std::min(x.timeout, r->way->total_timeout);
  r->hold = ++holds_;
  auto& budget =
      budgets_.try_emplace(x.target, retry_budget{config_.fallback.retry_budget}).first->second;
  budget.begin(now_);
  request_terms terms{r->deadline, x.priority, 10,
                      [&budget](time_point t) { return budget.take(t); }};
  r->core = std::make_unique<dispatch>(r->way, topology_, std::move(terms), r->hold, r->hold);
  ++alive_;
  if (options_.moves > duration::zero() && alive_ == 1)
    at(now_ + options_.moves, [this] { move_one(); });
  if (x.leaves_after) at(now_ + *x.leaves_after, [this, r] { leave(r); });
  step(r, r->core->begin(now_));
}

duration crowd::report(const actor_release& x) {
  auto& actor = actors_.at(x.actor);
  const auto reply = actor.report(actors::to_message(x), now_);
  wake(x.actor);
  return duration{reply.closed_for_ns};
}

void crowd::flush(const request_ptr& r) {
  for (const auto& x : r->core->take_releases())
    report(x);
}

void crowd::wake(path_id id) {
  for (const auto hold : actors_.at(id).woken(now_)) {
    const auto i = waiting_.find(hold);
    if (i == waiting_.end()) continue; // Forgotten; its release gives the ticket back.
    auto r = i->second;
    waiting_.erase(i);
    at(now_ + delay(), [this, r] {
      if (!r->waiting || r->over) return;
      r->waiting = false;
      step(r, r->core->on_turn(refusal::none, now_));
    });
  }
}

admission_answer crowd::ask(const ask_admission& q) {
  auto msg = actors::to_message(q);
  auto to = q.route.front();
  for (;;) {
    const auto closed = actors_.at(to).state(now_).closed_for_ns;
    auto decision = actors_.at(to).admit(msg, now_);
    wake(to);
    if (const auto* on = std::get_if<actors::forward_to>(&decision)) {
      if (closed > 0)
        violation("passed through " + std::string{topology_->path(to)} + ", which is closed");
      to = on->next;
      continue;
    }
    auto answer = actors::to_answer(std::move(std::get<messages::admit_reply>(decision)));
    if (answer.why == refusal::none && closed > 0)
      violation("attempt at closed " + std::string{topology_->path(to)});
    return answer;
  }
}

void crowd::step(const request_ptr& r, action next) {
  flush(r);
  if (r->gone) return end(r);
  if (const auto* q = std::get_if<ask_admission>(&next)) {
    r->busy = true;
    r->sent = false;
    at(now_ + delay(), [this, r, x = *q] {
      auto answer = ask(x);
      at(now_ + delay(), [this, r, answer = std::move(answer)] {
        r->busy = false;
        step(r, r->core->on_admission(answer, now_));
      });
    });
  } else if (const auto* w = std::get_if<wait_turn>(&next)) {
    const auto reply =
        actors_.at(w->actor).wait({w->actor, w->who.id, w->who.priority,
                                   (w->who.deadline - now_).count(), (now_ - w->who.since).count()},
                                  now_);
    const auto why = static_cast<refusal>(reply.why);
    if (why != refusal::saturated) return step(r, r->core->on_turn(why, now_));
    r->waiting = true;
    waiting_[r->hold] = r;
    at(r->deadline, [this, r] {
      if (!r->waiting || r->over) return;
      r->waiting = false;
      waiting_.erase(r->hold);
      step(r, r->core->on_turn(refusal::saturated, now_));
    });
  } else if (const auto* s = std::get_if<sleep_until>(&next)) {
    if (s->when > r->deadline) violation("sleeps beyond its deadline");
    at(s->when, [this, r] {
      if (!r->over) step(r, r->core->on_slept(now_));
    });
  } else if (const auto* a = std::get_if<start_attempt>(&next)) {
    begin_attempt(r, *a, false);
  } else {
    const auto* g = std::get_if<give_up>(&next);
    if (g == nullptr) {
      ++tally_.answered;
    } else if (g->why == give_up::kind::deadline) {
      ++tally_.late;
    } else {
      ++(g->why == give_up::kind::upstream ? tally_.failed : tally_.refused);
    }
    if (now_ > r->deadline + 4 * options_.answer_delay) violation("ended after its deadline");
    r->over = true;
    --alive_;
  }
}

void crowd::occupy(request& r, path_id model, bool hedge) {
  const auto& stage = r.core->current_stage();
  auto& permits = hedge ? r.hedge_permits : r.permits;
  permits = {stage.tier, model};
  auto all = permits;
  if (!hedge) {
    r.upper = {r.way->router, r.way->node, r.way->pool, stage.group};
    all.insert(all.end(), r.upper.begin(), r.upper.end());
  }
  for (auto id : all) {
    const auto* spec = topology_->find(id);
    if (id == 0 || spec == nullptr) continue;
    const auto running = ++running_[id];
    if (spec->gate.concurrency && running > spec->gate.concurrency->limit)
      violation(spec->path + " runs " + std::to_string(running) + " at once");
    const bool by_request =
        spec->at == level::router || spec->at == level::node || spec->at == level::pool;
    if (options_.remember_starts && spec->gate.rate && !(by_request && r.paid))
      starts_[id].push_back(now_);
  }
  r.paid = true;
}

void crowd::vacate(std::vector<path_id>& permits) {
  for (auto id : permits)
    if (id != 0) --running_[id];
  permits.clear();
}

void crowd::begin_attempt(const request_ptr& r, const start_attempt& x, bool hedge) {
  r->sent = true;
  ++tally_.attempts;
  const auto number = ++holds_; // Any number that never comes again.
  (hedge ? r->hedge : r->attempt) = number;
  const auto retries = r->core->current_stage().max_retries;
  if (++r->tries[x.model] > 1 + retries) violation("too many attempts at " + x.model);
  occupy(*r, id_of("model/" + x.model), hedge);
  auto what = options_.upstream(random_);
  const auto limit = std::min(r->deadline, now_ + x.timeout) - now_;
  if (what.takes >= limit) what = {failure_class::timeout, std::nullopt, limit, what.committed};
  at(now_ + what.takes, [this, r, number, what] {
    if (r->over) return;
    if (r->attempt == number)
      end_attempt(r, false, what);
    else if (r->hedge == number)
      end_attempt(r, true, what);
  });
  if (!hedge && x.hedge_after) plan_hedge(r, *x.hedge_after);
}

void crowd::plan_hedge(const request_ptr& r, duration after) {
  at(now_ + after, [this, r, number = r->attempt] {
    if (r->over || r->gone || r->attempt != number) return;
    const auto hold = ++holds_;
    const auto question = r->core->ask_hedge(hold, now_);
    flush(r);
    if (!question) return;
    r->hedge_hold = hold;
    auto answer = ask(*question);
    at(now_ + delay(), [this, r, number, answer = std::move(answer)] {
      if (!r->over && !r->gone && r->attempt == number) return begin_hedge(r, answer);
      // The attempt has ended meanwhile: nobody waits for this any more.
      for (auto id : answer.trail)
        report({id, {r->hedge_hold, outcome::neutral, true, -1, {}}, 0});
    });
  });
}

void crowd::begin_hedge(const request_ptr& r, admission_answer answer) {
  const auto started = r->core->on_hedge_admission(answer, now_);
  flush(r);
  if (!started) return;
  ++tally_.hedges;
  begin_attempt(r, *started, true);
}

void crowd::end_attempt(const request_ptr& r, bool hedge, const behaviour& x) {
  auto& core = *r->core;
  const bool two = r->hedge != 0;
  const bool begins = x.kind == failure_class::none || x.committed;
  if (two && begins) {
    // The first to begin wins; the other one is cancelled.
    vacate(hedge ? r->permits : r->hedge_permits);
    if (hedge) {
      core.hedge_won(now_);
      std::swap(r->permits, r->hedge_permits);
    } else {
      core.hedge_lost(now_);
    }
    flush(r);
  }
  const auto all_over = [&] {
    for (auto* list : {&r->permits, &r->hedge_permits, &r->upper})
      vacate(*list);
    r->attempt = r->hedge = 0;
  };
  if (x.kind == failure_class::none) {
    all_over();
    return step(r, core.on_success(20, now_));
  }
  attempt_result result{x.kind, x.retry_after, x.committed, -1, {}};
  const bool of_hedge = two && !begins && hedge;
  result.model_closed_for = report(core.failure_release(x.kind, x.retry_after, -1, of_hedge));
  if (of_hedge) {
    vacate(r->hedge_permits);
    core.on_hedge_failure(result, now_);
    r->hedge = 0;
    return flush(r);
  }
  if (two && !begins && rule_of(x.kind).move_on) {
    vacate(r->permits);
    core.hand_over(result, now_);
    std::swap(r->permits, r->hedge_permits);
    r->attempt = std::exchange(r->hedge, 0);
    return flush(r);
  }
  all_over();
  step(r, core.on_failure(result, now_));
}

void crowd::leave(const request_ptr& r) {
  if (r->over || r->gone) return;
  r->gone = true;
  if (r->busy) return; // Its answer is on the way and ends it.
  if (r->waiting) {
    r->waiting = false;
    waiting_.erase(r->hold);
  }
  end(r);
}

void crowd::end(const request_ptr& r) {
  if (r->over) return;
  r->core->abandon(now_, r->sent);
  flush(r);
  for (auto* x : {&r->permits, &r->hedge_permits, &r->upper})
    vacate(*x);
  r->attempt = r->hedge = 0;
  r->over = true;
  ++tally_.left;
  --alive_;
}

// A unit is taken where an actor passes a request on, and the attempt starts some messages later:
// by so much two starts may be closer than their units.
void crowd::check_rates() {
  const auto slack = 8 * options_.answer_delay;
  for (const auto& [id, starts] : starts_) {
    const auto* spec = topology_->find(id);
    if (const auto* window = std::get_if<sliding_window_settings>(&*spec->gate.rate)) {
      const auto most = static_cast<std::size_t>(window->max_units);
      for (std::size_t i = 0; i + most < starts.size(); ++i)
        if (starts[i + most] - starts[i] + slack <= window->window)
          violation(spec->path + " starts more than " + std::to_string(most) + " in a window");
      continue;
    }
    const auto bucket = std::get<token_bucket_settings>(*spec->gate.rate);
    // An ideal bucket that sees the starts only.
    auto credit = static_cast<long double>(bucket.bucket_size);
    for (std::size_t i = 0; i < starts.size(); ++i) {
      if (i > 0) {
        const std::chrono::duration<long double> passed = starts[i] - starts[i - 1];
        const auto rate = static_cast<long double>(bucket.refill_micro_per_second) / 1e6L;
        credit = std::min<long double>(bucket.bucket_size, credit + passed.count() * rate);
      }
      credit -= 1;
      const std::chrono::duration<long double> late = slack;
      const auto gained =
          late.count() * static_cast<long double>(bucket.refill_micro_per_second) / 1e6L;
      if (credit < -gained - 1e-6L) violation(spec->path + " starts more than its bucket holds");
    }
  }
}

void crowd::check_idle() {
  for (const auto& [id, x] : actors_)
    if (!x.idle(now_)) violation(x.spec().path + " still holds something");
  for (const auto& [id, running] : running_)
    if (running != 0) violation("attempts of the test itself do not add up");
}

std::string crowd::state() const {
  std::map<std::string, std::string> lines;
  for (const auto& [id, x] : actors_) {
    const auto s = x.state(now_);
    auto& line = lines[s.path];
    for (auto n : {s.permits_used, s.waiting, s.rate_available, s.tokens_used, s.failures,
                   s.closed_for_ns, static_cast<std::int64_t>(s.benched)})
      line += ' ' + std::to_string(n);
    line += ' ' + s.breaker;
    for (const auto& m : s.members)
      line += m.ejected ? " out" : " in";
  }
  std::string text;
  for (const auto& [path, line] : lines)
    text += path + line + '\n';
  return text;
}

} // namespace echelon::test
