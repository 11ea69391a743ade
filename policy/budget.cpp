#include "policy/budget.hpp"

#include "policy/memory.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace echelon::policy {

using std::chrono::days;
using std::chrono::milliseconds;
using std::chrono::sys_days;
using std::chrono::year_month_day;

namespace {

year_month_day date(std::int64_t day) {
  return year_month_day{sys_days{days{day}}};
}

bool same_month(std::int64_t a, std::int64_t b) {
  return date(a).year() == date(b).year() && date(a).month() == date(b).month();
}

sys_days next_month(std::int64_t day) {
  const auto x = date(day);
  return sys_days{(x.year() / x.month() / 1) + std::chrono::months{1}};
}

} // namespace

void budget::turn_to(std::int64_t day) {
  if (day <= day_) return;
  if (!same_month(day, day_)) month_ = 0;
  today_ = 0;
  day_ = day;
}

duration budget::try_reserve(hold_id id, const money_ask& x) {
  const std::chrono::sys_time<milliseconds> now{milliseconds{x.wall_ms}};
  turn_to(std::chrono::floor<days>(now).time_since_epoch().count());
  if (x.told_day == day_) today_ = std::max(today_, x.told_today);
  if (same_month(x.told_day, day_)) month_ = std::max(month_, x.told_month);
  if (const auto old = holds_.find(id); old != holds_.end()) {
    reserved_ -= old->second;
    holds_.erase(old);
  }
  const auto no_room = [&](std::int64_t limit, std::int64_t spent) {
    return limit > 0 && spent + reserved_ + x.money > limit;
  };
  const auto until = [&](sys_days then) {
    return std::max<duration>(then - now, std::chrono::seconds{1});
  };
  if (no_room(settings_.per_month, month_)) return until(next_month(day_));
  if (no_room(settings_.per_day, today_)) return until(sys_days{days{day_ + 1}});
  holds_[id] = x.money;
  reserved_ += x.money;
  return {};
}

void budget::settle(hold_id id, std::int64_t money) {
  std::int64_t reserve = 0;
  if (const auto i = holds_.find(id); i != holds_.end()) {
    reserve = i->second;
    reserved_ -= reserve;
    holds_.erase(i);
  }
  const auto spent = money >= 0 ? money : reserve;
  today_ += spent;
  month_ += spent;
}

budget_memory budget::save() const {
  budget_memory x{day_, today_, month_, {}};
  for (const auto& [id, money] : holds_)
    x.holds.push_back({id, money});
  return x;
}

void budget::load(const budget_memory& x) {
  day_ = x.day;
  today_ = x.today;
  month_ = x.month;
  holds_.clear();
  reserved_ = 0;
  for (const auto& h : x.holds) {
    holds_[h.id] = h.money;
    reserved_ += h.money;
  }
}

} // namespace echelon::policy
