/// Typed access to the nodes of a script, with the place of every fault.
#pragma once

#include "providers/simulator/script.hpp"

#include <yaml-cpp/yaml.h>

#include <initializer_list>

namespace echelon::providers {

/// Reads values out of one script; every fault is a script_error.
class script_reader {
public:
  explicit script_reader(std::string_view name) : name_(name) {}

  [[noreturn]] void fail(const YAML::Mark& at, const std::string& text) const;
  /// Checks that `node` is a mapping with no keys but `known`, each once.
  void mapping(const YAML::Node& node, const std::string& what,
               std::initializer_list<std::string_view> known) const;
  [[nodiscard]] std::string text(const YAML::Node& node, const std::string& key) const;
  [[nodiscard]] bool flag(const YAML::Node& node, const std::string& key) const;
  [[nodiscard]] std::uint64_t count(const YAML::Node& node, const std::string& key,
                                    std::uint64_t least, std::uint64_t most) const;
  /// Seconds, with a fraction; 0 to 86400.
  [[nodiscard]] std::chrono::nanoseconds seconds(const YAML::Node& node,
                                                 const std::string& key) const;
  /// Any node as JSON: plain scalars become numbers, booleans and null where they look like it.
  [[nodiscard]] nlohmann::json json(const YAML::Node& node) const;

private:
  std::string name_;
};

} // namespace echelon::providers
