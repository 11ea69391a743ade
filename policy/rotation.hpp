/// Order in which a tier's models or a pool's members are tried.
#pragma once

#include "policy/settings.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace echelon::policy {

/// One member, as a rotation of a host program sees it.
struct rotation_member {
  std::size_t index = 0;
  std::uint32_t weight = 1;
  std::uint64_t turns = 0; ///< How often it was first.
};

/// Orders the usable members (not empty); `turn` counts up from 0. @returns Indices of them, the
/// preferred first; those left out come last, in their own order.
using custom_order = std::function<std::vector<std::size_t>(
    const std::vector<rotation_member>& usable, std::uint64_t turn)>;
using custom_rotation = std::shared_ptr<const custom_order>;

/// Rotates over n members, fair to the unit.
/// - round_robin: each in turn.
/// - least_recently_used: the one whose last turn is longest ago.
/// - weighted: smooth weighted round robin (as in nginx's upstream module): each member gains its
///   weight, the highest is picked and pays the sum. Weight 0 is a last resort: never first while
///   another member has a weight. All weights 0 count as all 1.
/// - custom: as the function says; without one, or if it throws, in turn.
/// Slow start (as in nginx and Envoy): for `slow_start` after a member came back it gets a part of
/// its turns that grows from a tenth to all; the others take the rest.
class rotation {
public:
  rotation(rotation_strategy strategy, std::vector<std::uint32_t> weights, duration slow_start = {},
           custom_rotation custom = {});

  /// All members, the one whose turn it is first. Members with `usable[i] == false` take no turn
  /// and are left out. Empty if none is usable. `usable` is empty (all are) or has one flag a
  /// member.
  [[nodiscard]] std::vector<std::size_t> next(time_point now, const std::vector<bool>& usable = {});
  /// The member is closed.
  void lost(std::size_t i) { comeback_[i].lost = true; }
  /// The member has answered; its slow start begins if it was lost before.
  void back(std::size_t i, time_point now);
  void apply(duration slow_start) { slow_start_ = slow_start; }
  [[nodiscard]] std::size_t size() const { return weights_.size(); }

private:
  struct comeback {
    bool lost = false;
    bool ramping = false;
    time_point since{};
    std::int64_t credit = 0; // Thousandths of a turn.
  };
  bool gives_way(std::size_t i, time_point now);

  std::vector<std::size_t> by_host(const std::vector<std::size_t>& usable);

  rotation_strategy strategy_;
  custom_rotation custom_;
  std::vector<std::uint64_t> firsts_; // custom: turns of each.
  std::vector<std::int64_t> weights_;
  std::vector<std::int64_t> current_;    // weighted: credit of each.
  std::vector<std::uint64_t> last_used_; // least_recently_used: number of its last turn.
  std::uint64_t turn_ = 0;
  std::vector<comeback> comeback_;
  duration slow_start_;
};

} // namespace echelon::policy
