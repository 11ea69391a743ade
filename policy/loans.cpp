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

} // namespace

loan* loan_book::find(std::uint32_t tag) {
  const auto i = loans_.find(tag);
  return i == loans_.end() ? nullptr : &i->second;
}

std::int64_t loan_book::lose(const loan& x, duration grace, time_point now) {
  if (x.limited && x.permits > 0) lost_.push_back({x.permits, now + grace});
  return x.units;
}

std::int64_t loan_book::expire(duration grace, time_point now) {
  std::int64_t spent = 0;
  for (auto i = loans_.begin(); i != loans_.end();) {
    if (now - i->second.heard <= silence) {
      ++i;
      continue;
    }
    spent += lose(i->second, grace, now);
    i = loans_.erase(i);
  }
  std::erase_if(lost_, [&](const auto& x) { return now >= x.until; });
  return spent;
}

claimed loan_book::take(const lease_claim& x, bool counts_permits, bool counts_units,
                        duration grace, time_point now, std::int64_t& spent) {
  claimed result;
  const auto known = find(x.tag);
  if (known != nullptr) {
    if (x.term < known->term || (x.term == known->term && x.serial <= known->serial)) return result;
    if (x.term > known->term) {
      spent += lose(*known, grace, now);
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
  for (const auto& s : x.starts) {
    if (s.number <= own.seen) continue;
    own.seen = s.number;
    auto used = s;
    used.units = std::min(s.units, own.units);
    own.units -= used.units;
    if (used.units > 0) result.used.push_back(used);
  }
  const auto kept = x.counts_units ? x.idle + x.pending : 0;
  const auto permits = x.counts_permits ? x.permits : x.in_use;
  // More than was lent: it was taken for lost, and what it had for used.
  result.lost = (counts_units && kept > own.units)
                || (counts_permits && x.counts_permits && permits > own.permits);
  result.returned = own.units - std::min(kept, own.units);
  own.units -= result.returned;
  own.idle = std::min(x.idle, own.units);
  own.permits = counts_permits && x.counts_permits ? std::min(permits, own.permits) : permits;
  own.limited = counts_permits;
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
    const bool has = x.open || x.idle > 0 || x.permits > x.in_use;
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
           return !x.second.open && x.second.units == 0 && x.second.permits == 0;
         });
}

std::vector<loan_memory> loan_book::save(time_point now) const {
  std::vector<loan_memory> all;
  for (const auto& [tag, x] : loans_)
    all.push_back({tag, x.node, x.term, x.serial, x.seen, x.open, x.limited, x.units, x.idle,
                   x.permits, x.in_use, x.admitted, x.succeeded, (now - x.heard).count()});
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
    to.heard = now - duration{x.heard_age_ns};
  }
  for (const auto& x : lost)
    lost_.push_back({x.permits, now + duration{x.kept_for_ns}});
}

} // namespace echelon::policy
