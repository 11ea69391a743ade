/// YAML as a small tree that remembers where everything stood, duplicates included.
#pragma once

#include "config/diagnostic.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace echelon::config {

struct yaml_node;
using yaml_ptr = std::shared_ptr<const yaml_node>;

struct yaml_node {
  enum class kind { null, scalar, list, map };
  kind is = kind::null;
  place at;
  std::size_t height = 0; ///< Levels below this one, those behind aliases included.
  std::string text;       ///< Of a scalar.
  bool quoted = false;    ///< A scalar in quotes is a string, never a number.
  std::vector<yaml_ptr> items;
  std::vector<std::pair<yaml_ptr, yaml_ptr>> entries; ///< Keys in file order; merge keys applied.
};

/// Parses one document. Reports every fault it can; null if there is no usable tree. Duplicate keys
/// are errors that name both lines. Bounds: 16 MiB, 64 levels.
[[nodiscard]] yaml_ptr parse_yaml(std::string_view text, const std::string& file, diagnostics& out);

} // namespace echelon::config
