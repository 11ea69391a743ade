/// Moments and numbers as people write them.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace echelon::config {

/// Reads `2027-01-31T00:00:00Z`. @returns Nothing if it is no such time.
[[nodiscard]] std::optional<std::chrono::sys_seconds> read_utc(std::string_view text);

/// The same form.
[[nodiscard]] std::string write_utc(std::chrono::sys_seconds x);

/// The shortest decimal that reads as `x` again: `1.5`.
[[nodiscard]] std::string plain(double x);

/// `1.5 s`.
[[nodiscard]] std::string in_seconds(std::chrono::nanoseconds x);

} // namespace echelon::config
