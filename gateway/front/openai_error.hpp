/// OpenAI's error object, shared by its three APIs.
#pragma once

#include "gateway/front/front.hpp"

namespace echelon::gateway {

/// `{"error":{message,type,param,code}}` with all four keys; empty `param` and `code` are null.
[[nodiscard]] nlohmann::json openai_error(const api_error& error);

} // namespace echelon::gateway
