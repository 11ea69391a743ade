/// Reads Anthropic Messages requests into the canonical form.
#pragma once

#include "gateway/front/body_reader.hpp"

namespace echelon::gateway {

/// Notes what of a request the canonical form cannot say: only Anthropic's own servers take it.
class beyond_canonical {
public:
  explicit beyond_canonical(providers::native_request& to) : to_(to) {}
  /// `why` is a sentence for the client of a target that is no Anthropic model.
  void note(std::string path, std::string_view why);

private:
  providers::native_request& to_;
};

/// The canonical chat body of `native.body`, an Anthropic Messages body; fills `native.beyond`.
/// Throws bad_request. Source: anthropic-sdk-python, types/message_create_params.py (2026-08).
[[nodiscard]] nlohmann::json chat_from_messages(providers::native_request& native);

/// Appends the canonical messages of one Anthropic message. Throws bad_request.
void append_message(const object_reader& message, nlohmann::json& out, beyond_canonical& beyond);

/// Text of `system` or of a system message: its string, or its text blocks joined by blank lines.
[[nodiscard]] std::string joined_text(const object_reader& owner, const char* key,
                                      beyond_canonical& beyond);

} // namespace echelon::gateway
