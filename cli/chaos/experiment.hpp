/// An experiment: its load, its surroundings, and its strikes.
#pragma once

#include "cli/chaos/strike.hpp"

#include <string>
#include <vector>

namespace echelon::cli {

struct experiment {
  double seconds = 30;    ///< How long requests are sent.
  double rate = 10;       ///< Requests per second to each target.
  std::size_t nodes = 1;  ///< Routers of its own; several are a cluster.
  bool full_disk = false; ///< What they log cannot be written.
  std::uint64_t seed = 1, times = 0;
  std::vector<std::string> faults;   ///< Of strikes at random; empty: all that are possible.
  std::vector<strike> strikes;       ///< Scripted ones.
  unsigned max_restarts = 1'000'000; ///< As for `echelon serve`.
};

/// Reads a script, see docs/chaos.md, over what `x` says. Throws std::runtime_error with
/// `FILE:line:column: text` if it has a fault.
void read_script(const std::string& path, experiment& x);

} // namespace echelon::cli
