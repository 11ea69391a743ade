#include "policy/retry_budget.hpp"

#include <algorithm>

namespace echelon::policy {
namespace {

std::int64_t number_of(time_point now) {
  return std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
}

} // namespace

retry_budget::second& retry_budget::at(time_point now) {
  const auto number = number_of(now);
  auto& x = seconds_[static_cast<std::size_t>(((number % span) + span) % span)];
  if (x.number != number) x = {number, 0, 0};
  return x;
}

void retry_budget::begin(time_point now) {
  ++at(now).requests;
}

bool retry_budget::take(time_point now) {
  auto& current = at(now);
  std::int64_t requests = 0, retries = 0;
  for (const auto& x : seconds_) {
    if (x.number <= current.number - span || x.number > current.number) continue;
    requests += x.requests;
    retries += x.retries;
  }
  const auto most =
      std::max<std::int64_t>(settings_.min_retries, requests * settings_.percent / 100);
  if (retries >= most) return false;
  ++current.retries;
  return true;
}

} // namespace echelon::policy
