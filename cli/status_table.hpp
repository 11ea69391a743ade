/// A router's state as a table for people.
#pragma once

#include <nlohmann/json.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace echelon::cli {

struct table_style {
  bool colours = false;
  std::size_t columns = 0; ///< Longer lines are cut; 0: as long as they are.
  std::size_t rows = 0;    ///< Most lines; 0: all. Of many actors those that do something stay.
};

/// Lines of `state`, the answer to `GET /admin/state`.
[[nodiscard]] std::vector<std::string> status_lines(const nlohmann::json& state,
                                                    const table_style& style);

} // namespace echelon::cli
