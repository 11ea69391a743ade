#include "config/diagnostic.hpp"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace echelon::config {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    auto diagonal = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const auto cost = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, cost});
    }
  }
  return row.back();
}

std::string to_string(const diagnostic& x) {
  auto text = x.file + ':' + std::to_string(x.line) + ':' + std::to_string(x.column) + ": "
              + (x.sev == severity::error ? "error: " : "warning: ") + x.text + " [" + x.rule + ']';
  // The file's own characters must not command a terminal.
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 0x7F; }, '?');
  return text;
}

void diagnostics::error(const place& at, std::string rule, std::string text) {
  ++errors_;
  found_.push_back(
      {at.file, at.line, at.column, severity::error, std::move(text), std::move(rule)});
}

void diagnostics::warn(const place& at, std::string rule, std::string text) {
  found_.push_back(
      {at.file, at.line, at.column, severity::warning, std::move(text), std::move(rule)});
}

std::vector<diagnostic> diagnostics::sorted() const {
  auto result = found_;
  std::stable_sort(result.begin(), result.end(), [](const auto& a, const auto& b) {
    return std::tie(a.file, a.line, a.column) < std::tie(b.file, b.line, b.column);
  });
  return result;
}

std::string hint(std::string_view word, const std::vector<std::string>& known) {
  if (word.size() > 100) return {};
  const std::string* best = nullptr;
  auto least = std::max<std::size_t>(word.size() / 2, 2);
  for (const auto& x : known) {
    const auto d = edit_distance(word, x);
    if (d <= least && (best == nullptr || d < least)) {
      least = d;
      best = &x;
    }
  }
  return best == nullptr ? std::string{} : "; did you mean '" + *best + "'?";
}

} // namespace echelon::config
