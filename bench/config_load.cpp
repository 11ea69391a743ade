// How long a large configuration takes to load and check, beside yaml-cpp parsing the same text.
#include "config/load.hpp"
#include "config/topology.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

namespace {

/// `groups` task groups of five tiers over `models` models.
std::string make(int groups, int models) {
  std::string text = "providers:\n  p: {kind: simulator}\nmodels:\n";
  for (int i = 0; i < models; ++i)
    text += "  m" + std::to_string(i) + ": {provider: p, model: x" + std::to_string(i)
            + ", rpm_limit: 500, concurrency_limit: 100}\n";
  text += "task_groups:\n";
  for (int g = 0; g < groups; ++g) {
    text += "  g" + std::to_string(g) + ":\n    description: \"group " + std::to_string(g) + "\"\n";
    for (int t = 1; t <= 5; ++t)
      text += "    echelon" + std::to_string(t) + ":\n      models: [m"
              + std::to_string((g * 5 + t) % models) + ", m"
              + std::to_string((g * 5 + t + 7) % models)
              + "]\n      concurrency_limit: 10\n      rpm_limit: 100\n      priority: "
              + std::to_string(t) + "\n      timeout: 30\n      max_retries: 2\n";
    text += "    fallback_strategy: echelon_down\n    circuit_breaker: {failure_threshold: 5, "
            "recovery_time: 60, half_open_requests: 1}\n";
  }
  return text;
}

template <class F>
double best_of(int rounds, F run) {
  double best = 1e9;
  for (int i = 0; i < rounds; ++i) {
    const auto begun = std::chrono::steady_clock::now();
    run();
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count());
  }
  return best;
}

} // namespace

int main() {
  using namespace echelon;
  const auto text = make(1000, 500);
  std::size_t faults = 0, actors = 0;
  const auto loading = best_of(3, [&] {
    const auto result = config::load_text(text, "bench.yaml", {});
    faults = result.diagnostics.size();
    if (!result.config) std::exit(1);
  });
  const auto whole = best_of(3, [&] {
    const auto result = config::load_text(text, "bench.yaml", {});
    actors = config::make_topology(*result.config)->actors.size();
  });
  const auto parsing = best_of(3, [&] { static_cast<void>(YAML::LoadAll(text)); });
  std::printf("1000 groups of 5 tiers, 500 models, %zu bytes, %zu diagnostics, %zu actors\n",
              text.size(), faults, actors);
  std::printf("load and check                %7.0f ms\n", loading * 1e3);
  std::printf("load, check and build actors  %7.0f ms\n", whole * 1e3);
  std::printf("yaml-cpp parsing alone        %7.0f ms\n", parsing * 1e3);
}
