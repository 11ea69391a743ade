/// What is wrong in a configuration, and where.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace echelon::config {

enum class severity { error, warning };

/// Place of a value: 1-based line and column; 0: the file as a whole.
struct place {
  std::string file;
  int line = 0, column = 0;
};

struct diagnostic {
  std::string file;
  int line = 0, column = 0;
  severity sev = severity::error;
  std::string text;
  std::string rule; ///< Stable name, e.g. `unknown-key`.
};

/// `file:line:col: error|warning: text [rule]`
[[nodiscard]] std::string to_string(const diagnostic& x);

/// Gathers every fault of one run.
class diagnostics {
public:
  void error(const place& at, std::string rule, std::string text);
  void warn(const place& at, std::string rule, std::string text);
  [[nodiscard]] int errors() const { return errors_; }
  [[nodiscard]] bool has_errors() const { return errors_ > 0; }
  /// All, sorted by file, line and column.
  [[nodiscard]] std::vector<diagnostic> sorted() const;

private:
  std::vector<diagnostic> found_;
  int errors_ = 0;
};

/// Levenshtein distance, in bytes.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

/// `; did you mean 'x'?` for the nearest of `known`, or nothing if none is near.
[[nodiscard]] std::string hint(std::string_view word, const std::vector<std::string>& known);

} // namespace echelon::config
