#include "policy/gate.hpp"

#include <algorithm>
#include <utility>

namespace echelon::policy {

std::string_view to_string(refusal x) {
  switch (x) {
  case refusal::none: return "none";
  case refusal::saturated: return "saturated";
  case refusal::queue_full: return "queue_full";
  case refusal::rate_limited: return "rate_limited";
  case refusal::open: return "breaker_open";
  case refusal::benched: return "benched";
  case refusal::unavailable: return "unavailable";
  case refusal::spent: return "budget_spent";
  }
  return "unknown";
}

gate::gate(const gate_settings& settings, time_point now)
    : settings_(settings), breaker_(settings.breaker),
      queue_(settings.concurrency ? settings.concurrency->queue_size : 0) {
  if (settings.rate) rate_.emplace(*settings.rate, now);
  if (settings.tokens) tokens_.emplace(*settings.tokens);
  if (settings.money) money_.emplace(*settings.money);
}

bool gate::permit_free() const {
  return !settings_.concurrency || permits_left() > 0;
}

std::int64_t gate::permits_left() const {
  return static_cast<std::int64_t>(settings_.concurrency->limit)
         - static_cast<std::int64_t>(holds_.size()) - book_.permits();
}

gate_verdict gate::admit(const gate_ask& ask, time_point now) {
  expire_loans(now);
  // Who asks does not wait any more, whatever woke it.
  const auto id = ask.kept_as();
  if (queue_.size() > 0) queue_.remove(id);
  const auto own = holds_.find(id);
  const bool has_own = own != holds_.end();
  // Who asks again has given up what it held, if its release did not arrive: a probe's slot too.
  if (has_own && !own->second.ticket)
    breaker_.report(std::exchange(own->second.pass, {}), outcome::neutral, now);
  const auto refuse = [&](refusal why, duration wait) {
    if (has_own) holds_.erase(own);
    if (has_own && money_) money_->settle(ask.id, 0);
    ++refused_;
    return gate_verdict{why, wait};
  };
  if (const auto wait = breaker_wait(now); wait > duration::zero())
    return refuse(breaker_.benched(now) ? refusal::benched : refusal::open, wait);
  if (!has_own && !permit_free()) return refuse(refusal::saturated, {});
  const bool charge = ask.charge && rate_;
  if (charge)
    if (const auto wait = rate_->try_take(ask.id, now); wait > duration::zero())
      return refuse(refusal::rate_limited, wait);
  const bool reserve = ask.tokens > 0 && tokens_;
  if (reserve) {
    if (const auto wait = tokens_->try_take(ask.id, ask.tokens, now); wait > duration::zero()) {
      if (charge) rate_->refund(ask.id);
      return refuse(refusal::rate_limited, wait);
    }
  }
  if (money_) {
    if (const auto wait = money_->try_reserve(ask.id, ask.money); wait > duration::zero()) {
      if (charge) rate_->refund(ask.id);
      if (reserve) tokens_->refund(ask.id);
      return refuse(refusal::spent, wait);
    }
  }
  ++admitted_;
  if (has_own && id != ask.id) holds_.erase(own);
  holds_[ask.id] = {false, charge, reserve, breaker_.pass(now), now};
  return {};
}

gate_verdict gate::wait(const waiter& x, time_point now) {
  if (const auto wait = breaker_wait(now); wait > duration::zero())
    return {breaker_.benched(now) ? refusal::benched : refusal::open, wait};
  if (permit_free() && queue_.size() == 0) {
    auto& kept = holds_[x.id];
    kept.ticket = true;
    kept.since = now;
    return {};
  }
  if (!queue_.push(x, now)) return {refusal::queue_full, {}};
  return {refusal::saturated, {}};
}

void gate::release(const gate_release& x, time_point now) {
  if (x.bench > duration::zero()) breaker_.bench(now + x.bench);
  queue_.remove(x.id);
  const auto i = holds_.find(x.id);
  const bool ticket = i != holds_.end() && i->second.ticket;
  if (money_ && !ticket) money_->settle(x.id, x.refund && x.money < 0 ? 0 : x.money);
  if (i == holds_.end()) {
    if (x.result == outcome::failure) breaker_.report_late_failure(now);
    return;
  }
  const auto held = i->second;
  holds_.erase(i);
  if (held.ticket) return;
  if (x.result == outcome::success) ++succeeded_;
  if (x.result == outcome::failure) ++failed_;
  breaker_.report(held.pass, x.result, now);
  if (x.refund) {
    if (held.charged) rate_->refund(x.id);
    if (held.tokens) tokens_->refund(x.id);
  } else if (held.tokens && x.tokens >= 0) {
    tokens_->settle(x.id, x.tokens);
  }
}

std::vector<hold_id> gate::woken(time_point now) {
  std::vector<hold_id> result;
  while (queue_.size() > 0 && permit_free()) {
    const auto next = queue_.pop(now);
    if (!next) break;
    auto& kept = holds_[next->id];
    kept.ticket = true;
    kept.since = now;
    result.push_back(next->id);
  }
  return result;
}

void gate::apply(const gate_settings& settings, time_point now) {
  settings_ = settings;
  breaker_.apply(settings.breaker);
  queue_.resize(settings.concurrency ? settings.concurrency->queue_size : 0);
  if (!settings.rate) {
    rate_.reset();
  } else if (rate_) {
    rate_->apply(*settings.rate, now);
  } else {
    rate_.emplace(*settings.rate, now);
  }
  if (!settings.tokens) {
    tokens_.reset();
  } else if (tokens_) {
    tokens_->apply(*settings.tokens);
  } else {
    tokens_.emplace(*settings.tokens);
  }
  if (!settings.money) {
    money_.reset();
  } else if (money_) {
    money_->apply(*settings.money);
  } else {
    money_.emplace(*settings.money);
  }
  if (rate_) rate_->set_lent(book_.units(), now);
  if (tokens_) tokens_->set_lent(book_.tokens());
  // Holds that paid a limiter that is gone have nothing to give back.
  for (auto& [id, x] : holds_) {
    x.charged = x.charged && rate_;
    x.tokens = x.tokens && tokens_;
  }
}

gate_memory gate::save(time_point now) const {
  gate_memory x;
  for (const auto& [id, h] : holds_)
    x.holds.push_back(
        {id, h.ticket, h.charged, h.tokens, h.pass.probe, h.pass.epoch, (now - h.since).count()});
  if (rate_) rate_->save(x, now);
  if (tokens_) x.tokens = tokens_->save(now);
  if (money_) x.money = money_->save();
  x.breaker = breaker_.save(now);
  x.admitted = admitted_;
  x.refused = refused_;
  x.succeeded = succeeded_;
  x.failed = failed_;
  x.loans = book_.save(now);
  x.lost = book_.save_lost(now);
  return x;
}

void gate::load(const gate_memory& x, time_point now) {
  holds_.clear();
  for (const auto& h : x.holds)
    holds_[h.id] = {h.ticket,
                    h.charged && rate_,
                    h.tokens && tokens_,
                    {h.epoch, h.probe},
                    now - duration{h.age_ns}};
  if (rate_) rate_->load(x, now);
  if (tokens_) tokens_->load(x.tokens, now);
  if (money_) money_->load(x.money);
  breaker_.load(x.breaker, now);
  admitted_ = x.admitted;
  refused_ = x.refused;
  succeeded_ = x.succeeded;
  failed_ = x.failed;
  book_.load(x.loans, x.lost, now);
  if (rate_) rate_->set_lent(book_.units(), now);
  if (tokens_) tokens_->set_lent(book_.tokens());
}

void gate::rebuild(const std::vector<hold_id>& held, const std::vector<spent_memory>& started,
                   const std::vector<breaker_memory>& breakers,
                   const std::vector<lease_term>& terms, time_point now) {
  for (const auto& x : breakers)
    breaker_.tighten(x, now);
  for (const auto& x : terms)
    book_.expect(x, now);
  for (const auto id : held)
    holds_[id] = {false, rate_.has_value(), tokens_.has_value(), breaker_.pass(now), now};
  if (rate_) rate_->spend(started, now);
  if (tokens_) tokens_->spend(started, now);
}

template <class Pred>
void gate::drop_older(duration grace, time_point now, Pred pred) {
  expire_loans(now);
  std::vector<hold_id> dropped;
  for (const auto& [id, h] : holds_)
    if (now - h.since > grace && pred(id)) dropped.push_back(id);
  for (const auto id : dropped)
    release({id, outcome::neutral, false, -1, {}}, now);
}

void gate::reconcile(std::uint32_t gateway, const std::vector<hold_id>& known, duration grace,
                     time_point now) {
  drop_older(grace, now, [&](hold_id id) {
    return gateway_of(id) == gateway && !std::binary_search(known.begin(), known.end(), id);
  });
}

void gate::drop_absent(const std::vector<std::uint32_t>& present, duration grace, time_point now) {
  grace_ = grace;
  drop_older(grace, now, [&](hold_id id) {
    return std::find(present.begin(), present.end(), gateway_of(id)) == present.end();
  });
}

gate_snapshot gate::snapshot(time_point now) const {
  gate_snapshot x;
  x.permits_used = static_cast<std::int64_t>(holds_.size()) + book_.in_use();
  for (const auto& [tag, l] : book_.all())
    if (l.permits > 0 || l.units > 0 || l.tokens > 0 || l.open)
      x.loans.push_back({l.node, l.permits, l.in_use, l.units, l.tokens});
  if (settings_.concurrency) x.permits_limit = settings_.concurrency->limit;
  x.waiting = static_cast<std::int64_t>(queue_.size());
  x.queue_size = static_cast<std::int64_t>(queue_.capacity());
  if (rate_) {
    // What borrowers have not used is left.
    x.rate_available = rate_->available(now) + book_.idle_units();
    x.rate_limit = rate_->limit();
  }
  if (tokens_) {
    x.tokens_used = tokens_->used(now) - book_.idle_tokens();
    x.tokens_limit = tokens_->limit();
  }
  if (money_) {
    x.money = money_->settings();
    x.spent_today = money_->today();
    x.spent_month = money_->month();
    x.reserved = money_->reserved();
  }
  x.breaker = breaker_.state(now);
  x.failures = breaker_.failures();
  x.breaker_wait = breaker_wait(now);
  x.benched = breaker_.benched(now);
  x.admitted = admitted_;
  x.refused = refused_;
  x.succeeded = succeeded_;
  x.failed = failed_;
  return x;
}

} // namespace echelon::policy
