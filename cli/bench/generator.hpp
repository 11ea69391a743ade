/// Offers a load to a router and measures what becomes of it.
#pragma once

#include "cli/bench/tally.hpp"

namespace echelon::cli {

/// Blocks until every request that became due has its outcome: `load.length`, then up to
/// `load.timeout`. SIGINT or SIGTERM end `load.length` early; a second one ends the process.
/// One thread does it all.
///
/// With a rate, request i is due i / rate seconds after the start, whatever became of those before
/// it, and its latency counts from then: a router that stalls is charged with every request that
/// had to wait for a connection meanwhile ("coordinated omission" is avoided).
/// Throws std::runtime_error with a text for people if nothing listens there.
tally offer(const offered_load& load);

} // namespace echelon::cli
