/// How often something that dies may be started anew, and how soon.
#pragma once

#include "policy/settings.hpp"

#include <cstdint>
#include <deque>
#include <optional>

namespace echelon::policy {

struct restart_terms {
  std::uint32_t most = 10; ///< Restarts within `period`; one more is a failure of its parent.
  duration period = std::chrono::seconds{10};
  std::uint32_t at_once = 3;                               ///< So many within `period` do not wait.
  duration first_delay = std::chrono::milliseconds{1};     ///< Then this, doubled each time,
  duration longest_delay = std::chrono::milliseconds{200}; ///< up to this.
};

/// The deaths of one actor, or of one supervisor's children together.
class restart_book {
public:
  explicit restart_book(restart_terms terms = {}) : terms_(terms) {}

  /// It died. @returns How long to wait before it is started anew; nothing: it died too often.
  [[nodiscard]] std::optional<duration> died(time_point now);
  void clear() { deaths_.clear(); }

private:
  restart_terms terms_;
  std::deque<time_point> deaths_; // Within the period.
};

} // namespace echelon::policy
