/// Google's signatures of calls, for clients whose API has no place for them.
///
/// Gemini signs calls, not thoughts, and wants each signature back with its call. Anthropic's
/// Messages and OpenAI's Responses sign thoughts: there the signature travels as that of a thought,
/// sealed with the id of its call.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace echelon::providers {

struct signed_call {
  std::string id;
  std::string signature; ///< Base64.
};

/// `google:ID=SIGNATURE`.
[[nodiscard]] std::string seal(const signed_call& call);

/// What was sealed; absent for another provider's signature.
[[nodiscard]] std::optional<signed_call> unseal(std::string_view text);

} // namespace echelon::providers
