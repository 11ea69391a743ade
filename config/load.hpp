/// Reads a configuration: a YAML file, or a folder of them.
#pragma once

#include "config/diagnostic.hpp"
#include "config/router_config.hpp"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace echelon::config {

struct load_options {
  /// Parts of a host program that the configuration may name.
  host_parts parts{};
  /// Every provider is served by the built-in simulator: no keys and no variables are needed.
  bool simulate = false;
  /// Environment; empty: the process's own.
  std::function<std::optional<std::string>(const std::string&)> env;
};

struct load_result {
  router_config_ptr config;            ///< Null if there is any error.
  std::vector<diagnostic> diagnostics; ///< Every fault of the whole configuration, sorted.
  bool readable = true;                ///< False: there is no such file, or it may not be read.
};

/// `path` is a file, or a folder whose *.yaml and *.yml are read recursively and merged by
/// top-level key.
[[nodiscard]] load_result load(const std::filesystem::path& path, const load_options& options = {});

/// One file of a configuration.
struct source_file {
  std::string name; ///< For diagnostics.
  std::string text;
};

/// Reads the files and parses nothing. @returns Empty, or why they cannot be read, as a diagnostic.
[[nodiscard]] std::vector<diagnostic> read_sources(const std::filesystem::path& path,
                                                   std::vector<source_file>& to);
/// Loads what read_sources() gave, here or on another node.
[[nodiscard]] load_result load_sources(const std::vector<source_file>& files,
                                       const load_options& options = {});

/// Every value as it stands after the files are joined, one a line with the place that it came
/// from: `task_groups.g.t.rpm_limit: 20  # llms/groups.yaml:5`. Secrets in plain are shown as
/// `***`. Empty if a file cannot be parsed.
[[nodiscard]] std::vector<std::string> effective(const std::vector<source_file>& files);

/// Reads `yaml` as if it were the file `name`.
[[nodiscard]] load_result load_text(std::string_view yaml, const std::string& name,
                                    const load_options& options = {});

} // namespace echelon::config
