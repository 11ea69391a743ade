// What a gate lends, and how it gets it back.
#include "policy/gate.hpp"

#include <algorithm>

namespace echelon::policy {

namespace {

// How long a gate lends nothing after somebody was short of what others had.
constexpr duration lending_pause = std::chrono::milliseconds{500};
// A part of what is free goes to whoever asks: what cannot be split in so many is not lent.
constexpr std::int64_t parts = 4;
// Until borrowers have heard that a breaker has opened.
constexpr duration recall_time = std::chrono::milliseconds{100};

} // namespace

// Probes are counted one by one: none goes out while a borrower may start calls that are none.
duration gate::breaker_wait(time_point now) const {
  const auto wait = breaker_.wait(now);
  if (wait > duration::zero() || breaker_.state(now) == breaker_state::closed) return wait;
  return book_.any_open() ? recall_time : duration::zero();
}

void gate::expire_loans(time_point now) {
  spend(book_.expire(grace_, now), now);
}

/// What lost borrowers had counts as used from now on.
void gate::spend(const lost_loans& x, time_point now) {
  if (rate_ && x.units > 0) rate_->spend_lent(x.units, now, now);
  if (tokens_ && x.tokens > 0) tokens_->spend_lent(x.tokens, x.tokens, now);
}

bool gate::take_claim(const lease_claim& x, time_point now, lease_terms& terms) {
  terms.serial = x.serial;
  expire_loans(now);
  lost_loans lost;
  const counted what{settings_.concurrency.has_value(), rate_.has_value(), tokens_.has_value()};
  const auto found = book_.take(x, what, grace_, now, lost);
  spend(lost, now);
  if (!found.valid) return false;
  if (rate_) {
    for (const auto& s : found.used)
      rate_->spend_lent(s.units, now - duration{s.age_ns}, now);
    if (found.returned > 0) rate_->take_back(found.returned, now);
  }
  if (tokens_) {
    for (const auto& s : found.ended)
      tokens_->spend_lent(s.units, s.used, now - duration{s.age_ns});
    if (found.tokens_returned > 0) tokens_->take_back(found.tokens_returned);
  }
  admitted_ += found.admitted;
  succeeded_ += found.succeeded;
  if (x.cleared) breaker_.report({x.epoch, false}, outcome::success, now);
  terms.lost = found.lost;
  return !found.lost;
}

bool gate::wants_back(time_point now) const {
  return queue_.size() > 0 || breaker_.state(now) != breaker_state::closed || breaker_.benched(now);
}

lease_terms gate::lend(const lease_claim& x, bool allowed, duration grace, time_point now) {
  grace_ = grace;
  lease_terms terms;
  if (!take_claim(x, now, terms)) return terms;
  const bool wants = x.want_units > 0 || x.want_permits > 0;
  if (!allowed || !wants || wants_back(now) || now < lends_from_) return terms;
  auto& own = *book_.find(x.tag);
  terms.open = own.open = true;
  terms.epoch = breaker_.epoch();
  terms.counts_units = rate_.has_value();
  terms.counts_permits = settings_.concurrency.has_value();
  if (rate_) {
    const auto missing = std::max<std::int64_t>(0, x.want_units - own.idle);
    terms.units = std::min(missing, rate_->available(now) / parts);
    if (terms.units > 0) rate_->lend(terms.units, now);
    own.units += terms.units;
    own.idle += terms.units;
  }
  terms.counts_tokens = tokens_.has_value();
  if (tokens_) {
    const auto missing = std::max<std::int64_t>(0, x.want_tokens - own.idle_tokens);
    const auto free = std::max<std::int64_t>(0, tokens_->limit() - tokens_->used(now));
    terms.tokens = std::min(missing, free / parts);
    tokens_->lend(terms.tokens);
    own.tokens += terms.tokens;
    own.idle_tokens += terms.tokens;
  }
  if (settings_.concurrency) {
    const auto missing = std::max<std::int64_t>(0, x.want_permits - own.permits);
    const auto free = std::max<std::int64_t>(0, permits_left());
    own.permits += std::min(missing, free / parts);
    terms.permits = own.permits;
  }
  return terms;
}

void gate::returned(const lease_claim& x, time_point now) {
  lease_terms ignored;
  static_cast<void>(take_claim(x, now, ignored));
}

void gate::report_lent(std::uint64_t epoch, bool cleared, const gate_release& x, time_point now) {
  if (x.bench > duration::zero()) breaker_.bench(now + x.bench);
  if (cleared) breaker_.report({epoch, false}, outcome::success, now);
  if (x.result == outcome::failure) ++failed_;
  breaker_.report({epoch, false}, x.result, now);
}

bool gate::short_of_lent(const gate_ask& ask, time_point now) {
  if (book_.all().empty() || breaker_wait(now) > duration::zero()) return false;
  expire_loans(now);
  if (holds_.count(ask.kept_as()) == 0 && !permit_free()) return book_.idle_permits() > 0;
  if (ask.charge && rate_ && rate_->available(now) == 0) return book_.idle_units() > 0;
  return ask.tokens > 0 && tokens_ && tokens_->used(now) + ask.tokens > tokens_->limit()
         && book_.idle_tokens() > 0;
}

std::vector<std::uint32_t> gate::recall(time_point now) {
  lends_from_ = now + lending_pause;
  return book_.recall(now);
}

} // namespace echelon::policy
