/// Reads and writes JSON that may be wrong in any way. Nothing here throws.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace echelon::providers {

/// Parses a text of an upstream. Ill-formed UTF-8 and lone surrogate escapes become U+FFFD.
/// Discarded
/// (`is_discarded()`) if it is no JSON even so, or nested deeper than 500 levels.
[[nodiscard]] nlohmann::json parse_json(std::string_view text);

/// Whether brackets in `text` are nested deeper than `limit`. Parsing takes any depth, but copying
/// and writing a value recurse: the stack must not be the sender's.
[[nodiscard]] bool nested_deeper_than(std::string_view text, std::size_t limit);

/// JSON text in valid UTF-8.
[[nodiscard]] std::string dump(const nlohmann::json& value);

/// Member `key`, or null whatever `value` is.
[[nodiscard]] const nlohmann::json& member(const nlohmann::json& value, const char* key);

/// Whether member `key` is there and not null.
[[nodiscard]] bool has(const nlohmann::json& value, const char* key);

/// Member `key` as text; empty if it is absent or no string.
[[nodiscard]] std::string text_of(const nlohmann::json& value, const char* key);

/// Member `key` as text, numbers and booleans included; empty if it is absent or has parts.
[[nodiscard]] std::string scalar_of(const nlohmann::json& value, const char* key);

/// Member `key` as an integer >= 0, as counts are; absent if it is no such number.
[[nodiscard]] std::optional<std::int64_t> count_of(const nlohmann::json& value, const char* key);

/// Whether member `key` is `true`.
[[nodiscard]] bool flag_of(const nlohmann::json& value, const char* key);

/// An identifier: `prefix` and 24 random hexadecimal digits. Unique, not secret.
[[nodiscard]] std::string make_id(std::string_view prefix);

} // namespace echelon::providers
