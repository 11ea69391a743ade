// Any bytes as a configuration: every fault is told, nothing crashes, and what loads has a
// topology.
#include "config/explain.hpp"
#include "config/load.hpp"
#include "config/topology.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace echelon;
  const std::string text{reinterpret_cast<const char*>(data), size};
  config::load_options options;
  options.env = [](const std::string& name) -> std::optional<std::string> {
    return name.size() % 2 == 0 ? std::optional<std::string>{"value: ${A}"} : std::nullopt;
  };
  const auto result = config::load_text(text, "fuzz.yaml", options);
  bool errors = false;
  for (const auto& d : result.diagnostics) {
    if (d.text.empty() || d.rule.empty() || d.line < 0 || d.column < 0) std::abort();
    errors = errors || d.sev == config::severity::error;
  }
  if (errors == (result.config != nullptr)) std::abort();
  if (!result.config) return 0;
  const auto topology = config::make_topology(*result.config);
  for (const auto& name : topology->target_names)
    if (config::explain(*result.config, name).empty()) std::abort();
  return 0;
}
