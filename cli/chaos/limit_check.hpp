/// Whether limits held, as counted where it matters: at the upstream.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <set>
#include <string>
#include <vector>

namespace echelon::cli {

/// A limit, and how near the upstream has seen it come.
class limit_check {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// Of attempts at once.
  static limit_check at_once(std::string actor, std::set<std::string> models, std::uint64_t limit);
  /// Of starts within any `window`. Between an admission and its arrival at the upstream may lie
  /// up to `slack`, so starts are counted in windows that are shorter by it.
  static limit_check per_window(std::string actor, std::set<std::string> models,
                                std::uint64_t limit, std::chrono::nanoseconds window,
                                std::chrono::nanoseconds slack);

  /// A request for `model` came or was over. Not thread-safe.
  void see(const std::string& model, bool start, time_point now);

  std::string actor, what; ///< `what`: in words.
  std::uint64_t limit = 0;
  std::uint64_t most = 0; ///< That there were.
  [[nodiscard]] bool held() const { return most <= limit; }

private:
  std::set<std::string> models_;
  std::chrono::nanoseconds window_{}; // Zero: at once.
  std::uint64_t now_ = 0;
  std::deque<time_point> starts_;
};

} // namespace echelon::cli
