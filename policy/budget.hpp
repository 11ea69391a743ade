/// Money that one key may spend in a day and in a month of the calendar, UTC.
#pragma once

#include "policy/queue.hpp"
#include "policy/settings.hpp"

#include <cstdint>
#include <unordered_map>

namespace echelon::policy {

struct budget_memory;

/// What one request may cost, and what its gateway knows. Money is in millionths.
struct money_ask {
  std::int64_t money = 0;    ///< To reserve; >= 0.
  std::int64_t wall_ms = 0;  ///< Of the gateway's clock, since 1970, UTC.
  std::int64_t told_day = 0; ///< Day (since 1970) of what follows.
  /// Spent by the records in the store, on that day and in its month. 0: nothing, or not known.
  std::int64_t told_today = 0, told_month = 0;
  bool operator==(const money_ask&) const = default;
};

/// Counts what is spent and what is reserved. It trusts itself and its askers alike: what it has
/// counted holds until the store knows of more, as after a restart.
class budget {
public:
  explicit budget(const budget_settings& settings) : settings_(settings) {}

  /// @returns Zero if reserved, else how long until the day or the month is over, whichever it was.
  /// Nothing is reserved twice for an id: the last call counts.
  [[nodiscard]] duration try_reserve(hold_id id, const money_ask& x);
  /// Really spent by what was reserved, also if the reserve is not known any more; -1: unknown, the
  /// reserve counts as spent.
  void settle(hold_id id, std::int64_t money);
  void apply(const budget_settings& x) { settings_ = x; }

  [[nodiscard]] const budget_settings& settings() const { return settings_; }
  [[nodiscard]] std::int64_t today() const { return today_; }
  [[nodiscard]] std::int64_t month() const { return month_; }
  [[nodiscard]] std::int64_t reserved() const { return reserved_; }
  [[nodiscard]] budget_memory save() const;
  void load(const budget_memory& x);

private:
  void turn_to(std::int64_t day);

  budget_settings settings_;
  std::int64_t day_ = 0; // Since 1970; never goes back.
  std::int64_t today_ = 0, month_ = 0, reserved_ = 0;
  std::unordered_map<hold_id, std::int64_t> holds_;
};

} // namespace echelon::policy
