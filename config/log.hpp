/// Where the log goes. Lines hold no secrets and no prompts.
#pragma once

#include <spdlog/logger.h>

#include <memory>

namespace echelon {

/// The log of this process; spdlog's default logger unless set_logger() said otherwise.
[[nodiscard]] spdlog::logger& log();
/// A host of the embedding library keeps its own default logger. Loggers live on: lines may be in
/// the making.
void set_logger(std::shared_ptr<spdlog::logger> x);

} // namespace echelon
