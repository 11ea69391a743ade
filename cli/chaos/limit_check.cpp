#include "cli/chaos/limit_check.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace echelon::cli {

limit_check limit_check::at_once(std::string actor, std::set<std::string> models,
                                 std::uint64_t limit) {
  limit_check x;
  x.actor = std::move(actor);
  x.what = "at once";
  x.models_ = std::move(models);
  x.limit = limit;
  return x;
}

limit_check limit_check::per_window(std::string actor, std::set<std::string> models,
                                    std::uint64_t limit, std::chrono::nanoseconds window,
                                    std::chrono::nanoseconds slack) {
  auto x = at_once(std::move(actor), std::move(models), limit);
  x.window_ = window - slack;
  x.what =
      fmt::format("starts in {} s (counted in {} s)", std::chrono::duration<double>(window).count(),
                  std::chrono::duration<double>(x.window_).count());
  return x;
}

void limit_check::see(const std::string& model, bool start, time_point now) {
  if (models_.count(model) == 0) return;
  if (window_ == std::chrono::nanoseconds{}) {
    now_ += start ? 1 : -1;
    most = std::max(most, now_);
    return;
  }
  if (!start) return;
  starts_.push_back(now);
  while (now - starts_.front() >= window_)
    starts_.pop_front();
  most = std::max<std::uint64_t>(most, starts_.size());
}

} // namespace echelon::cli
