#include "policy/overload.hpp"

#include <algorithm>
#include <array>

namespace echelon::policy {

std::int64_t places_for(std::uint8_t priority, std::int64_t all) {
  constexpr std::array<std::int64_t, 10> percent{100, 98, 96, 94, 92, 90, 80, 70, 60, 50};
  return std::max<std::int64_t>(1, all * percent[std::min<std::size_t>(priority, 9)] / 100);
}

shed_reason overload_gate::enter(const std::string& client, std::uint8_t priority,
                                 const overload_limits& limits) {
  const auto known = by_client_.find(client);
  const auto own = known == by_client_.end() ? 0 : known->second;
  if (limits.per_client > 0 && own >= limits.per_client) return shed_reason::client_cap;
  if (inside_ >= places_for(priority, limits.requests)) return shed_reason::full;
  if (own > 0 && inside_ >= limits.requests / 2) {
    const auto share = limits.requests / static_cast<std::int64_t>(by_client_.size());
    if (own >= std::max<std::int64_t>(1, share)) return shed_reason::fair_share;
  }
  ++by_client_[client];
  ++inside_;
  return shed_reason::none;
}

void overload_gate::leave(const std::string& client) {
  const auto known = by_client_.find(client);
  if (known == by_client_.end()) return;
  --inside_;
  if (--known->second == 0) by_client_.erase(known);
}

} // namespace echelon::policy
