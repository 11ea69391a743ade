#include "cli/bench/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace echelon::cli {

namespace {

// Up to 2 * fine each value has its bin; from there on the bins double in width every `fine` bins.
constexpr std::uint64_t fine = 128;

std::size_t bin_of(std::uint64_t x) {
  const auto shift = x < fine ? 0 : static_cast<std::uint64_t>(std::bit_width(x)) - 8;
  return static_cast<std::size_t>(shift * fine + (x >> shift));
}

std::uint64_t last_of(std::size_t bin) {
  if (bin < 2 * fine) return bin;
  const auto shift = bin / fine - 1;
  return ((bin - shift * fine + 1) << shift) - 1;
}

} // namespace

void histogram::add(std::chrono::nanoseconds x) {
  x = std::max(x, x.zero());
  const auto bin = bin_of(static_cast<std::uint64_t>(x.count()));
  if (bins_.size() <= bin) bins_.resize(bin + 1);
  ++bins_[bin];
  ++count_;
  max_ = std::max(max_, x);
  sum_ += static_cast<double>(x.count());
}

std::chrono::nanoseconds histogram::mean() const {
  if (count_ == 0) return {};
  return std::chrono::nanoseconds{std::llround(sum_ / static_cast<double>(count_))};
}

std::chrono::nanoseconds histogram::quantile(double q) const {
  const auto rank = std::max(1.0, std::ceil(q * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t bin = 0; bin < bins_.size(); ++bin) {
    seen += bins_[bin];
    if (static_cast<double>(seen) < rank) continue;
    return std::min(max_, std::chrono::nanoseconds{static_cast<std::int64_t>(last_of(bin))});
  }
  return max_;
}

} // namespace echelon::cli
