#include "policy/restarts.hpp"

#include <algorithm>

namespace echelon::policy {

std::optional<duration> restart_book::died(time_point now) {
  while (!deaths_.empty() && now - deaths_.front() > terms_.period)
    deaths_.pop_front();
  if (deaths_.size() >= terms_.most) return std::nullopt;
  deaths_.push_back(now);
  if (deaths_.size() <= terms_.at_once) return duration::zero();
  auto delay = terms_.first_delay;
  for (auto n = deaths_.size() - terms_.at_once; n > 1 && delay < terms_.longest_delay; --n)
    delay *= 2;
  return std::min(delay, terms_.longest_delay);
}

} // namespace echelon::policy
