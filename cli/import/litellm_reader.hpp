/// What both halves of the reading share.
#pragma once

#include "cli/import/litellm.hpp"

#include <initializer_list>
#include <set>

namespace echelon::cli::litellm {

/// One map of the file. Whatever nobody asked for is told by finish().
class section {
public:
  section(config::yaml_ptr node, std::string name, config::diagnostics& out)
      : node_(std::move(node)), name_(std::move(name)), out_(out) {}

  /// Null if it is not there.
  config::yaml_ptr take(const std::string& key);
  /// Empty if it is not there.
  std::string text(const std::string& key);
  std::optional<double> number(const std::string& key);
  /// At least 1; others are told of.
  std::optional<std::int64_t> whole(const std::string& key);
  /// `os.environ/X` as `${X}`.
  std::string reference(const std::string& key);
  /// The same; a secret in plain is not taken over: `variable` stands for it.
  std::string secret(const std::string& key, const std::string& variable);
  /// Of no meaning here.
  void ignore(std::initializer_list<const char*> keys);
  [[nodiscard]] config::place where(const std::string& key) const;
  void finish();

private:
  config::yaml_ptr node_;
  std::string name_;
  config::diagnostics& out_;
  std::set<std::string> known_;
};

/// As a group of echelon can be called.
[[nodiscard]] std::string group_name(std::string name);

/// `router_settings` or `litellm_settings`.
void read_settings(const config::yaml_ptr& node, const std::string& name, proxy& to,
                   config::diagnostics& out);

} // namespace echelon::cli::litellm
