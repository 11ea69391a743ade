#include "policy/loans.hpp"

#include <algorithm>

namespace echelon::policy {

namespace {

// A recall is asked again after this time.
constexpr duration recall_pause = std::chrono::milliseconds{100};

template <class Loans, class Fn>
std::int64_t sum_of(const Loans& loans, Fn fn) {
  std::int64_t sum = 0;
  for (const auto& [tag, x] : loans)
    sum += fn(x);
  return sum;
}

/// Starts up to `seen` are counted; each takes no more than is lent.
std::vector<lease_start> fresh_of(const std::vector<lease_start>& all, std::uint64_t& seen,
                                  std::int64_t& lent) {
  std::vector<lease_start> found;
  for (const auto& s : all) {
    if (s.number <= seen) continue;
    seen = s.number;
    // Of a loan that was taken for lost: counted then.
    if (s.units > lent) continue;
    lent -= s.units;
    found.push_back(s);
  }
  return found;
}

} // namespace

loan* loan_book::find(std::uint32_t tag) {
  const auto i = loans_.find(tag);
  return i == loans_.end() ? nullptr : &i->second;
}

void loan_book::lose(const loan& x, duration grace, time_point now, lost_loans& lost) {
  if (x.limited && x.permits > 0) lost_.push_back({x.permits, now + grace});
  lost.units += x.units;
  lost.tokens += x.tokens;
}

void loan_book::expect(const lease_term& x, time_point now) {
  auto& own = loans_[x.tag];
  own.term = x.term;
  own.heard = now;
}

lost_loans loan_book::expire(duration grace, time_point now) {
  lost_loans lost;
  for (auto i = loans_.begin(); i != loans_.end();) {
    if (now - i->second.heard <= silence) {
      ++i;
      continue;
    }
    lose(i->second, grace, now, lost);
    i = loans_.erase(i);
  }
  std::erase_if(lost_, [&](const auto& x) { return now >= x.until; });
  return lost;
}

claimed loan_book::take(const lease_claim& x, counted what, duration grace, time_point now,
                        lost_loans& lost) {
  claimed result;
  const auto known = find(x.tag);
  if (known != nullptr) {
    if (x.term < known->term || (x.term == known->term && x.serial <= known->serial)) return result;
    if (x.term > known->term) {
      lose(*known, grace, now, lost);
      loans_.erase(x.tag);
    }
  }
  const bool fresh = loans_.count(x.tag) == 0;
  auto& own = loans_[x.tag];
  result.valid = true;
  if (fresh) {
    own.admitted = x.admitted;
    own.succeeded = x.succeeded;
  }
  own.node = x.node;
  own.term = x.term;
  own.serial = x.serial;
  own.heard = now;
  own.open = x.open;
  result.used = fresh_of(x.starts, own.seen, own.units);
  result.ended = fresh_of(x.ended, own.tokens_seen, own.tokens);
  const auto kept = x.counts_units ? x.idle + x.pending : 0;
  const auto permits = x.counts_permits ? x.permits : x.in_use;
  // More than was lent: it was taken for lost, and what it had for used.
  result.lost = (what.units && kept > own.units)
                || (what.permits && x.counts_permits && permits > own.permits);
  const auto kept_tokens = x.counts_tokens ? x.idle_tokens + x.reserved_tokens : 0;
  result.lost = result.lost || (what.tokens && kept_tokens > own.tokens);
  result.tokens_returned = own.tokens - std::min(kept_tokens, own.tokens);
  own.tokens -= result.tokens_returned;
  own.idle_tokens = std::min(x.idle_tokens, own.tokens);
  result.returned = own.units - std::min(kept, own.units);
  own.units -= result.returned;
  own.idle = std::min(x.idle, own.units);
  own.permits = what.permits && x.counts_permits ? std::min(permits, own.permits) : permits;
  own.limited = what.permits;
  own.in_use = x.in_use;
  result.admitted = std::max<std::int64_t>(0, x.admitted - own.admitted);
  result.succeeded = std::max<std::int64_t>(0, x.succeeded - own.succeeded);
  own.admitted = x.admitted;
  own.succeeded = x.succeeded;
  if (result.lost) own.open = false;
  return result;
}

std::vector<std::uint32_t> loan_book::recall(time_point now) {
  std::vector<std::uint32_t> found;
  for (auto& [tag, x] : loans_) {
    const bool has = x.open || x.idle > 0 || x.idle_tokens > 0 || x.permits > x.in_use;
    if (!has || now - x.recalled < recall_pause) continue;
    x.recalled = now;
    found.push_back(tag);
  }
  return found;
}

std::int64_t loan_book::units() const {
  return sum_of(loans_, [](const loan& x) { return x.units; });
}

std::int64_t loan_book::idle_units() const {
  return sum_of(loans_, [](const loan& x) { return x.idle; });
}

std::int64_t loan_book::tokens() const {
  return sum_of(loans_, [](const loan& x) { return x.tokens; });
}

std::int64_t loan_book::idle_tokens() const {
  return sum_of(loans_, [](const loan& x) { return x.idle_tokens; });
}

std::int64_t loan_book::permits() const {
  auto sum = sum_of(loans_, [](const loan& x) { return x.permits; });
  for (const auto& x : lost_)
    sum += x.permits;
  return sum;
}

std::int64_t loan_book::idle_permits() const {
  return sum_of(loans_,
                [](const loan& x) { return std::max<std::int64_t>(0, x.permits - x.in_use); });
}

std::int64_t loan_book::in_use() const {
  return permits() - idle_permits();
}

bool loan_book::any_open() const {
  return std::any_of(loans_.begin(), loans_.end(), [](const auto& x) { return x.second.open; });
}

bool loan_book::empty() const {
  return lost_.empty() && std::all_of(loans_.begin(), loans_.end(), [](const auto& x) {
           return !x.second.open && x.second.units == 0 && x.second.tokens == 0
                  && x.second.permits == 0;
         });
}

std::vector<loan_memory> loan_book::save(time_point now) const {
  std::vector<loan_memory> all;
  for (const auto& [tag, x] : loans_)
    all.push_back({tag, x.node, x.term, x.serial, x.seen, x.open, x.limited, x.units, x.idle,
                   x.permits, x.in_use, x.admitted, x.succeeded, x.tokens, x.idle_tokens,
                   x.tokens_seen, (now - x.heard).count()});
  return all;
}

std::vector<lost_permits> loan_book::save_lost(time_point now) const {
  std::vector<lost_permits> all;
  for (const auto& x : lost_)
    if (x.until > now) all.push_back({x.permits, (x.until - now).count()});
  return all;
}

void loan_book::load(const std::vector<loan_memory>& loans, const std::vector<lost_permits>& lost,
                     time_point now) {
  loans_.clear();
  lost_.clear();
  for (const auto& x : loans) {
    auto& to = loans_[x.tag];
    to.node = x.node;
    to.term = x.term;
    to.serial = x.serial;
    to.seen = x.seen;
    to.open = x.open;
    to.units = x.units;
    to.idle = x.idle;
    to.permits = x.permits;
    to.in_use = x.in_use;
    to.admitted = x.admitted;
    to.succeeded = x.succeeded;
    to.limited = x.limited;
    to.tokens = x.tokens;
    to.idle_tokens = x.idle_tokens;
    to.tokens_seen = x.tokens_seen;
    to.heard = now - duration{x.heard_age_ns};
  }
  for (const auto& x : lost)
    lost_.push_back({x.permits, now + duration{x.kept_for_ns}});
}

} // namespace echelon::policy
