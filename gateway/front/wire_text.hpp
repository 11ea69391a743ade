/// Small pieces of text every front writes: JSON, SSE events and ids.
#pragma once

#include "providers/json_read.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace echelon::gateway {

using providers::dump;
using providers::make_id;
using providers::member;
using providers::text_of;

/// `data: {value}` and the blank line.
[[nodiscard]] std::string sse_data(const nlohmann::json& value);

/// `event: name`, `data: {value}` and the blank line.
[[nodiscard]] std::string sse_event(std::string_view name, const nlohmann::json& value);

/// `id` with its own API's prefix (up to the first `-` or `_`) replaced by `prefix`; a new id if
/// empty.
[[nodiscard]] std::string rename_id(std::string_view id, std::string_view prefix);

/// Member `key` as an integer; `fallback` if it is absent or no number.
[[nodiscard]] std::int64_t integer_of(const nlohmann::json& value, const char* key,
                                      std::int64_t fallback = 0);

/// First choice of a chat completion or chunk, or null.
[[nodiscard]] const nlohmann::json& first_choice(const nlohmann::json& canonical);

/// Text of a message's `content`: the string itself, or its text parts joined.
[[nodiscard]] std::string content_text(const nlohmann::json& content);

/// Thought text of a message or delta: `reasoning_content`, else `reasoning`.
[[nodiscard]] std::string thought_text(const nlohmann::json& message);

/// Google's signature of a call, sealed for APIs that sign thoughts; empty: the call has none.
[[nodiscard]] std::string sealed_signature(const nlohmann::json& call);

} // namespace echelon::gateway
