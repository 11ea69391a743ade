/// Checks of an OpenAI chat completion request.
#pragma once

#include "engine/body_reader.hpp"

namespace echelon::engine {

/// Throws bad_request at the first field of a wrong form. Fields it does not know are left alone:
/// the provider judges them.
void check_chat_request(const nlohmann::json& body);

} // namespace echelon::engine
