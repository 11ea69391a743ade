/// Faults of a configuration as JSON.
#pragma once

#include "config/diagnostic.hpp"

#include <nlohmann/json.hpp>

namespace echelon::cli {

inline const char* word(const config::diagnostic& x) {
  return x.sev == config::severity::error ? "error" : "warning";
}

inline nlohmann::json to_json(const config::diagnostic& x) {
  return {{"file", x.file},      {"line", x.line}, {"column", x.column},
          {"severity", word(x)}, {"text", x.text}, {"rule", x.rule}};
}

} // namespace echelon::cli
