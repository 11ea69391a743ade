/// Whether a request may still be taken when there are many: by priority, and a fair share each.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

namespace echelon::policy {

/// Why a request is refused.
enum class shed_reason : std::uint8_t {
  none,
  full,       ///< No room left for requests of this priority.
  fair_share, ///< The client has more than its part while others want some too.
  client_cap, ///< The client has as many as one may have.
};

struct overload_limits {
  std::int64_t requests = 4096; ///< At once; at least 1.
  std::int64_t per_client = 0;  ///< Of one client at once; 0: as many as there may be.
};

/// Counts the requests under way by client. A request of priority 0 may take the last place; later
/// ones leave some to those before them, so that the least important are shed first. From half of
/// the places on no client may hold more than its part of them. Not thread-safe.
class overload_gate {
public:
  /// none: the request is in, and leave() follows.
  [[nodiscard]] shed_reason enter(const std::string& client, std::uint8_t priority,
                                  const overload_limits& limits);
  void leave(const std::string& client);

  [[nodiscard]] std::int64_t inside() const { return inside_; }
  [[nodiscard]] std::size_t clients() const { return by_client_.size(); }

private:
  std::int64_t inside_ = 0;
  std::unordered_map<std::string, std::int64_t> by_client_;
};

/// How many places requests of `priority` (0 to 9) may fill of `all`: at least 1.
[[nodiscard]] std::int64_t places_for(std::uint8_t priority, std::int64_t all);

} // namespace echelon::policy
