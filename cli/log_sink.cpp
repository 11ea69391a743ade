#include "cli/log_sink.hpp"

#include <cerrno>
#include <unistd.h>

namespace echelon::cli {

namespace {

constexpr auto together = std::chrono::milliseconds{20};
constexpr std::size_t most_waiting = 64 * 1024;
constexpr unsigned most_alone = 8; // Lines of one window that are written one by one.

} // namespace

log_sink::log_sink(int descriptor) : descriptor_(descriptor), timer_([this] { run(); }) {}

log_sink::~log_sink() {
  {
    const std::lock_guard guard{mutex_};
    over_ = true;
  }
  wake_.notify_one();
  timer_.join();
  flush_();
}

void log_sink::sink_it_(const spdlog::details::log_msg& message) {
  const bool first = waiting_.size() == 0;
  formatter_->format(message, waiting_);
  const auto now = std::chrono::steady_clock::now();
  if (now - window_ >= together) {
    window_ = now;
    alone_ = 0;
  }
  if (alone_ < most_alone || waiting_.size() >= most_waiting) {
    ++alone_;
    flush_();
  } else if (first) {
    wake_.notify_one();
  }
}

void log_sink::flush_() {
  const char* from = waiting_.data();
  const char* const end = from + waiting_.size();
  while (from < end) {
    const auto n = ::write(descriptor_, from, static_cast<std::size_t>(end - from));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break; // A full disk or a reader that left: requests go on without their lines.
    from += n;
  }
  waiting_.clear();
}

void log_sink::run() {
  std::unique_lock guard{mutex_};
  while (!over_) {
    wake_.wait(guard, [&] { return over_ || waiting_.size() > 0; });
    wake_.wait_for(guard, together, [&] { return over_; });
    flush_();
  }
}

} // namespace echelon::cli
