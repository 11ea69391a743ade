/// Runs an experiment.
#pragma once

#include "cli/chaos/arena.hpp"
#include "cli/chaos/record.hpp"

namespace echelon::cli {

/// The load and the strikes of `of` at that place, until all is over and at rest again; blocks.
/// SIGINT or SIGTERM end the load early. Throws std::runtime_error if nothing can be asked there.
chaos_report run_experiment(const experiment& of, arena& at);

} // namespace echelon::cli
