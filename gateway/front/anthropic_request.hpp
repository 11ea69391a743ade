/// Reads Anthropic Messages requests into the canonical form.
#pragma once

#include "gateway/front/body_reader.hpp"

namespace echelon::gateway {

/// The canonical chat body of an Anthropic Messages body. Throws bad_request.
/// Source: anthropic-sdk-python, types/message_create_params.py (2026-08).
[[nodiscard]] nlohmann::json chat_from_messages(const nlohmann::json& body);

/// Appends the canonical messages of one Anthropic message. Throws bad_request.
void append_message(const object_reader& message, nlohmann::json& out);

/// Text of `system` or of a system message: its string, or its text blocks joined by blank lines.
[[nodiscard]] std::string joined_text(const object_reader& owner, const char* key);

} // namespace echelon::gateway
