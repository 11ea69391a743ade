/// Typed reading of one YAML map by its schema; whatever is wrong becomes a diagnostic.
#pragma once

#include "config/document.hpp"
#include "config/schema.hpp"
#include "policy/settings.hpp"

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace echelon::config {

/// Names to values of enum T.
template <class T>
using word_list = std::vector<std::pair<std::string, T>>;

/// Value of an environment variable, or nothing.
using environment = std::function<std::optional<std::string>(const std::string&)>;

/// One map being read. Types, ranges and defaults come from its schema: every accessor returns the
/// default, if the schema has one, where the key is absent, and nothing where it is wrong
/// (reported). Keys that the schema does not know are reported by finish().
class map_reader {
public:
  /// `path` names the map for people (`task_groups.fast_group`). A node that is no map is reported.
  map_reader(yaml_ptr node, std::string path, const section& schema, diagnostics& out);

  [[nodiscard]] const yaml_node* find(const std::string& key) const;
  [[nodiscard]] yaml_ptr take(const std::string& key) const;
  std::optional<std::int64_t> integer(const std::string& key);
  /// A whole number that is never negative.
  std::optional<std::uint32_t> count(const std::string& key);
  std::optional<double> number(const std::string& key);
  std::optional<policy::duration> seconds(const std::string& key);
  std::optional<bool> boolean(const std::string& key);
  std::optional<std::string> text(const std::string& key);
  /// A text that is not empty.
  std::optional<std::string> word(const std::string& key);
  std::optional<std::vector<std::string>> texts(const std::string& key);
  /// A text in which `${VAR}` and `${VAR:-default}` stand for environment variables and `$$` for
  /// `$`.
  std::optional<std::string> expanded(const std::string& key, const environment& env, bool lenient);

  template <class T>
  std::optional<T> one_of(const std::string& key, const word_list<T>& words) {
    auto value = text(key);
    if (!value) return std::nullopt;
    std::vector<std::string> known;
    for (const auto& [word, x] : words) {
      if (word == *value) return x;
      known.push_back(word);
    }
    wrong_word(key, *value, known);
    return std::nullopt;
  }

  /// Reports every key that the schema does not know.
  void finish();
  /// Place of a key's value, or of the map.
  [[nodiscard]] place where(const std::string& key) const;
  [[nodiscard]] const place& at() const { return node_->at; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string path(const std::string& key) const {
    return path_.empty() ? key : path_ + '.' + key;
  }
  [[nodiscard]] diagnostics& out() { return out_; }
  [[nodiscard]] const yaml_node& node() const { return *node_; }

private:
  void wrong_word(const std::string& key, const std::string& value,
                  const std::vector<std::string>& known);
  void wrong_type(const yaml_node& x, const std::string& key, const std::string& wanted);
  std::optional<double> decimal(const std::string& key, const yaml_node& x);
  [[nodiscard]] const key_schema& schema(const std::string& key) const;
  void warn_of_looks(const std::string& key, const yaml_node& x);

  yaml_ptr node_;
  std::string path_;
  const section& schema_;
  diagnostics& out_;
};

/// Expands `${VAR}`; see map_reader::expanded. Reports unset or empty variables at `at` unless
/// `lenient`, which makes them empty.
[[nodiscard]] std::optional<std::string> expand(const std::string& text, const environment& env,
                                                bool lenient, const place& at,
                                                const std::string& path, diagnostics& out);

} // namespace echelon::config
