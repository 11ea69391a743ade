/// What an experiment does to a router, and when.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace echelon::cli {

/// Whom a fault strikes.
enum class victim { actor, node, upstreams };

struct fault_kind {
  std::string_view name;
  victim who;
  bool lasts;         ///< It is ended after some seconds.
  std::int64_t usual; ///< Its amount where none is given.
  std::string_view meaning;
};

/// Every fault there is, in the order of the documentation.
const std::vector<fault_kind>& fault_kinds();
/// Null if there is none of that name.
const fault_kind* find_fault(std::string_view name);

/// One fault at one time.
struct strike {
  double at = 0; ///< Seconds after the load began.
  const fault_kind* what = nullptr;
  std::string subject;     ///< Path of an actor, name of a node; empty: the upstreams.
  double length = 0;       ///< Seconds, of one that lasts.
  std::int64_t amount = 0; ///< Messages, descriptors or milliseconds, see docs/chaos.md.
};

/// What may be struck at random.
struct targets_of_chance {
  std::map<std::string, std::vector<std::string>> actors; ///< Paths by level, such as `group`.
  std::vector<std::string> nodes;
  std::vector<const fault_kind*> faults;
  std::uint64_t times = 0; ///< Strikes of each level of actors, each node, and the upstreams.
};

/// Strikes at random times within `seconds`, in order. Those that last are short, and those of
/// nodes and upstreams take turns, so that something is always left. Same seed, same strikes.
std::vector<strike> random_strikes(const targets_of_chance& from, double seconds,
                                   std::uint64_t seed);

} // namespace echelon::cli
