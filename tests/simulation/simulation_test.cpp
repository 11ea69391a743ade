// What must hold for a cluster through crashes, freezes, splits and lost connections: over many
// seeds. ECHELON_SEED=N runs one alone and prints what happened.
#include "world.hpp"

#include "config/log.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <iostream>

namespace echelon::simulation {
namespace {

std::uint64_t number(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST_CASE("limits, probes and answers hold in a simulated cluster", "[simulation]") {
  const auto one = number("ECHELON_SEED", 0);
  const auto first = one != 0 ? one : number("ECHELON_FIRST_SEED", 1);
  const auto last = one != 0 ? one : first + number("ECHELON_SEEDS", 100) - 1;
  if (one == 0) log().set_level(spdlog::level::off);
  std::uint64_t requests = 0, answered = 0, attempts = 0, failed = 0;
  for (auto seed = first; seed <= last; ++seed) {
    const auto x = world{seed, one != 0}.run();
    for (const auto& note : x.notes)
      std::cout << note << '\n';
    requests += x.requests;
    answered += x.answered;
    attempts += x.attempts;
    if (x.violation.empty()) continue;
    ++failed;
    std::cout << "seed " << seed << ": " << x.violation << std::endl;
  }
  std::cout << last - first + 1 << " seeds: " << requests << " requests, " << answered
            << " answered, " << attempts << " attempts\n";
  CHECK(failed == 0);
  // A cluster that refuses everything holds its limits too. Most of the others are above one.
  CHECK(answered * 5 > requests * 2);
}

} // namespace
} // namespace echelon::simulation
