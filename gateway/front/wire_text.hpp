/// Small pieces of text every front writes: JSON, SSE events and ids.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace echelon::gateway {

/// JSON text in valid UTF-8: bytes that are none become U+FFFD.
[[nodiscard]] std::string dump(const nlohmann::json& value);

/// `data: {value}` and the blank line.
[[nodiscard]] std::string sse_data(const nlohmann::json& value);

/// `event: name`, `data: {value}` and the blank line.
[[nodiscard]] std::string sse_event(std::string_view name, const nlohmann::json& value);

/// `prefix` and 24 random hexadecimal digits. Unique, not secret.
[[nodiscard]] std::string make_id(std::string_view prefix);

/// `id` with its own API's prefix (up to the first `-` or `_`) replaced by `prefix`; a new id if
/// empty.
[[nodiscard]] std::string rename_id(std::string_view id, std::string_view prefix);

/// Member `key` of `value`, or null. Never throws, whatever `value` is.
[[nodiscard]] const nlohmann::json& member(const nlohmann::json& value, const char* key);

/// Member `key` as text; empty if it is absent or no string.
[[nodiscard]] std::string text_of(const nlohmann::json& value, const char* key);

/// Member `key` as an integer; `fallback` if it is absent or no number.
[[nodiscard]] std::int64_t integer_of(const nlohmann::json& value, const char* key,
                                      std::int64_t fallback = 0);

/// First choice of a chat completion or chunk, or null.
[[nodiscard]] const nlohmann::json& first_choice(const nlohmann::json& canonical);

/// Text of a message's `content`: the string itself, or its text parts joined.
[[nodiscard]] std::string content_text(const nlohmann::json& content);

/// Thought text of a message or delta: `reasoning_content`, else `reasoning`.
[[nodiscard]] std::string thought_text(const nlohmann::json& message);

} // namespace echelon::gateway
