#include "config/log.hpp"

#include <spdlog/spdlog.h>

#include <atomic>
#include <mutex>
#include <vector>

namespace echelon {
namespace {

std::atomic<spdlog::logger*> current{nullptr};

} // namespace

spdlog::logger& log() {
  auto* x = current.load();
  return x != nullptr ? *x : *spdlog::default_logger_raw();
}

void set_logger(std::shared_ptr<spdlog::logger> x) {
  static std::mutex mutex;
  // Never destroyed: a thread of a router whose last copy went in its own observer may write while
  // the process exits.
  static auto& all = *new std::vector<std::shared_ptr<spdlog::logger>>;
  const std::lock_guard guard{mutex};
  current = x.get();
  all.push_back(std::move(x));
}

} // namespace echelon
