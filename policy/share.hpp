/// A part of every limit, for one side of a split cluster. Pure.
#pragma once

#include "policy/topology.hpp"

#include <cstddef>

namespace echelon::policy {

/// So many of so many members; the whole is n of n.
struct share {
  std::size_t members = 1, of = 1;
  bool operator==(const share&) const = default;
  [[nodiscard]] bool whole() const { return members >= of; }
};

/// The same hierarchy with `part` of each limit, rounded down: permits, windows, buckets, tokens.
/// What rounds to zero refuses: there is no queue before it either.
[[nodiscard]] topology_ptr scaled(const topology_ptr& x, share part);

} // namespace echelon::policy
