/// @file
/// The configuration, from code.
#pragma once

#include <echelon/extensions.hpp>
#include <echelon/types.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace echelon {

/// How a configuration is read.
struct ConfigOptions {
  bool simulate = false;   ///< Every provider is played by the built-in simulator: no keys needed.
  Extensions extensions{}; ///< Parts of the host that the configuration may name.
};

/// `task_groups.<group>.<tier>`, with every default filled in.
struct TaskGroupConfig {
  std::string group;                              ///< Name of the group.
  std::string tier;                               ///< `echelon1`
  std::vector<std::string> models;                ///< Not empty.
  std::int64_t priority = 0;                      ///< Lowest first.
  double timeout = 0;                             ///< Seconds.
  std::uint32_t max_retries = 0;                  ///< Retries after the first attempt.
  std::optional<std::uint32_t> concurrency_limit; ///< Absent: not limited.
  std::optional<std::uint32_t> rpm_limit;         ///< Absent: not limited.
  std::optional<double> temperature;              ///< Absent: as the client wants.
  std::string response_format;                    ///< `text`, `json` or empty.
  std::string function_calling;                   ///< `auto`, `required`, `none` or empty.
  std::optional<ThinkingConfig> thinking_config;  ///< Absent: as the client wants.
  std::string fallback_strategy; ///< `echelon_down`, `provider_failover` or `model_rotate`.
};

/// A configuration that was read and checked. Cheap to copy; copies share it. Thread-safe.
class ECHELON_API ConfigManager {
public:
  /// Reads a YAML file, or a folder of them. Throws LlmError (configuration) with every fault, each
  /// as `file:line:col: error: text [rule]`.
  explicit ConfigManager(const std::filesystem::path& path, ConfigOptions options = {});
  /// The same from a text; `name` stands for the file in faults.
  static ConfigManager from_text(const std::string& yaml, ConfigOptions options = {},
                                 const std::string& name = "config.yaml");
  /// @cond special members
  ConfigManager(const ConfigManager&);
  ConfigManager(ConfigManager&&) noexcept;
  ConfigManager& operator=(const ConfigManager&);
  ConfigManager& operator=(ConfigManager&&) noexcept;
  ~ConfigManager();
  /// @endcond

  /// One tier. Throws LlmError (unknown_target) if there is none of that name.
  [[nodiscard]] TaskGroupConfig get_task_group_config(const std::string& group,
                                                      const std::string& tier) const;
  /// Every tier of a group, by priority. Throws LlmError (unknown_target).
  [[nodiscard]] std::vector<TaskGroupConfig> get_task_group_config(const std::string& group) const;
  /// Names of all nodes, pools, groups, tiers and models.
  [[nodiscard]] std::vector<std::string> targets() const;
  /// What is odd about it, as `file:line:col: warning: text [rule]`.
  [[nodiscard]] std::vector<std::string> warnings() const;
  /// Checks a node from code. Throws LlmError (configuration) with every fault.
  void check(const NodeConfig& node) const;

  /// @cond internal
  struct impl;
  [[nodiscard]] const std::shared_ptr<impl>& inside() const { return impl_; }
  /// @endcond

private:
  explicit ConfigManager(std::shared_ptr<impl> x);
  std::shared_ptr<impl> impl_;
};

} // namespace echelon
