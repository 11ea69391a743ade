/// splitmix64: scattering numbers, and a small source of them (Steele, Lea, Flood 2014, "Fast
/// splittable pseudorandom number generators").
#pragma once

#include <cstdint>
#include <limits>

namespace echelon::policy {

/// Its finaliser: every bit of the input moves every bit.
constexpr std::uint64_t scattered(std::uint64_t x) {
  x ^= x >> 30U;
  x *= 0xBF58476D1CE4E5B9ULL;
  x ^= x >> 27U;
  x *= 0x94D049BB133111EBULL;
  return x ^ (x >> 31U);
}

/// A source for <random>'s distributions. Neighbouring seeds give unrelated numbers, and seeding
/// costs nothing. Not for secrets.
class splitmix64 {
public:
  using result_type = std::uint64_t;
  explicit constexpr splitmix64(std::uint64_t seed) : state_(seed) {}
  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }
  constexpr result_type operator()() { return scattered(state_ += 0x9E3779B97F4A7C15ULL); }

private:
  std::uint64_t state_;
};

} // namespace echelon::policy
