/// Reads OpenAI Responses requests into the canonical form.
#pragma once

#include "gateway/front/body_reader.hpp"

namespace echelon::gateway {

/// The canonical chat body of a Responses body. What needs stored state is refused. Throws
/// bad_request. Source: openai-python, types/responses/response_create_params.py (2026-08).
[[nodiscard]] nlohmann::json chat_from_responses(const nlohmann::json& body);

/// Appends the canonical messages of `input`. Throws bad_request.
void append_input(const object_reader& body, nlohmann::json& out);

} // namespace echelon::gateway
