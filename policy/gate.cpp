#include "policy/gate.hpp"

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
  }
  return "unknown";
}

gate::gate(const gate_settings& settings, time_point now)
    : settings_(settings), breaker_(settings.breaker),
      queue_(settings.concurrency ? settings.concurrency->queue_size : 0) {
  if (settings.rate) rate_.emplace(*settings.rate, now);
  if (settings.tokens) tokens_.emplace(*settings.tokens);
}

bool gate::permit_free() const {
  return !settings_.concurrency || holds_.size() < settings_.concurrency->limit;
}

gate_verdict gate::admit(const gate_ask& ask, time_point now) {
  const auto ticket = holds_.find(ask.id);
  const bool has_ticket = ticket != holds_.end();
  const auto refuse = [&](refusal why, duration wait) {
    if (has_ticket) holds_.erase(ticket);
    ++refused_;
    return gate_verdict{why, wait};
  };
  if (const auto wait = breaker_.wait(now); wait > duration::zero())
    return refuse(breaker_.benched(now) ? refusal::benched : refusal::open, wait);
  if (!has_ticket && !permit_free()) return refuse(refusal::saturated, {});
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
  ++admitted_;
  holds_[ask.id] = {false, charge, reserve, breaker_.pass(now)};
  return {};
}

gate_verdict gate::wait(const waiter& x, time_point now) {
  if (const auto wait = breaker_.wait(now); wait > duration::zero())
    return {breaker_.benched(now) ? refusal::benched : refusal::open, wait};
  if (permit_free() && queue_.size() == 0) {
    holds_[x.id].ticket = true;
    return {};
  }
  if (!queue_.push(x, now)) return {refusal::queue_full, {}};
  return {refusal::saturated, {}};
}

void gate::release(const gate_release& x, time_point now) {
  if (x.bench > duration::zero()) breaker_.bench(now + x.bench);
  queue_.remove(x.id);
  const auto i = holds_.find(x.id);
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
    holds_[next->id].ticket = true;
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
  // Holds that paid a limiter that is gone have nothing to give back.
  for (auto& [id, x] : holds_) {
    x.charged = x.charged && rate_;
    x.tokens = x.tokens && tokens_;
  }
}

gate_snapshot gate::snapshot(time_point now) const {
  gate_snapshot x;
  x.permits_used = static_cast<std::int64_t>(holds_.size());
  if (settings_.concurrency) x.permits_limit = settings_.concurrency->limit;
  x.waiting = static_cast<std::int64_t>(queue_.size());
  x.queue_size = static_cast<std::int64_t>(queue_.capacity());
  if (rate_) {
    x.rate_available = rate_->available(now);
    x.rate_limit = rate_->limit();
  }
  if (tokens_) {
    x.tokens_used = tokens_->used(now);
    x.tokens_limit = tokens_->limit();
  }
  x.breaker = breaker_.state(now);
  x.failures = breaker_.failures();
  x.breaker_wait = breaker_.wait(now);
  x.benched = breaker_.benched(now);
  x.admitted = admitted_;
  x.refused = refused_;
  x.succeeded = succeeded_;
  x.failed = failed_;
  return x;
}

} // namespace echelon::policy
