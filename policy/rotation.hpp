/// Order in which a tier's models or a pool's members are tried.
#pragma once

#include "policy/settings.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace echelon::policy {

/// Rotates over n members, fair to the unit.
/// - round_robin: each in turn.
/// - least_recently_used: the one whose last turn is longest ago.
/// - weighted: smooth weighted round robin (as in nginx's upstream module): each member gains its
///   weight, the highest is picked and pays the sum. Weight 0 is a last resort: never first while
///   another member has a weight. All weights 0 count as all 1.
class rotation {
public:
  rotation(rotation_strategy strategy, std::vector<std::uint32_t> weights);

  /// All members, the one whose turn it is first. Members with `usable[i] == false` take no turn
  /// and are left out. Empty if none is usable. `usable` is empty (all are) or has one flag a
  /// member.
  [[nodiscard]] std::vector<std::size_t> next(const std::vector<bool>& usable = {});
  [[nodiscard]] std::size_t size() const { return weights_.size(); }

private:
  rotation_strategy strategy_;
  std::vector<std::int64_t> weights_;
  std::vector<std::int64_t> current_;    // weighted: credit of each.
  std::vector<std::uint64_t> last_used_; // least_recently_used: number of its last turn.
  std::uint64_t turn_ = 0;
};

} // namespace echelon::policy
