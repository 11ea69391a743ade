/// How many permits of one actor a gateway may have in use, as far as other nodes know. Should the
/// actor and the gateway be lost together, the next owner counts that many as taken. So no call
/// begins beyond what enough others were told. See docs/decisions/0019.
#pragma once

#include "policy/settings.hpp"

#include <algorithm>
#include <cstdint>

namespace echelon::policy {

class ceiling {
public:
  /// `limit`: permits of the actor; beyond it nothing need be told.
  void set_limit(std::int64_t limit) { limit_ = limit; }

  /// A call was admitted, and wants to begin.
  void add() { peak_ = std::max(peak_, ++wanted_); }
  [[nodiscard]] bool may_begin() const { return in_use_ < floor_; }
  /// Only if may_begin().
  void begin() { ++in_use_; }
  /// An admitted call ends; `begun`: after begin().
  void end(bool begun) {
    --wanted_;
    if (begun) --in_use_;
  }

  /// What should be told now: as many as were wanted at once in the last seconds, and a quarter
  /// more. Never less than what is in use.
  [[nodiscard]] std::int64_t wish() const { return std::min(limit_, peak_ + (peak_ + 3) / 4); }
  /// Fewer are wanted by and by. Call each second.
  void fade() { peak_ = std::max(wanted_, peak_ - (peak_ + 3) / 4); }
  /// It is being told, as wish() says, and binds from now on. @returns It.
  std::int64_t tell() {
    told_ = std::max(wish(), in_use_);
    floor_ = std::min(floor_, told_);
    return told_;
  }
  [[nodiscard]] std::int64_t told() const { return told_; }
  /// Enough nodes know what was told last.
  void known() { floor_ = told_; }
  /// Those who knew may be gone.
  void forget() { floor_ = 0; }

private:
  std::int64_t limit_ = 0;
  std::int64_t wanted_ = 0, in_use_ = 0, peak_ = 0;
  std::int64_t told_ = 0;  // The newest.
  std::int64_t floor_ = 0; // The least of all that somebody may go by.
};

} // namespace echelon::policy
