/// Counts of durations.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

namespace echelon::cli {

/// How many durations fell into which bin. A bin is as wide as 1/128 of its values at most, so a
/// quantile is at most 0.8 % too high and never too low. Memory does not grow with the count.
class histogram {
public:
  /// Less than zero counts as zero.
  void add(std::chrono::nanoseconds x);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  /// Exact; zero if nothing was added.
  [[nodiscard]] std::chrono::nanoseconds max() const { return max_; }
  [[nodiscard]] std::chrono::nanoseconds mean() const;
  /// The least value that the share `q` (0 to 1) of all does not exceed; zero if nothing was added.
  [[nodiscard]] std::chrono::nanoseconds quantile(double q) const;

private:
  std::vector<std::uint64_t> bins_;
  std::uint64_t count_ = 0;
  std::chrono::nanoseconds max_{};
  double sum_ = 0;
};

} // namespace echelon::cli
