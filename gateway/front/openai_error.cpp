#include "gateway/front/openai_error.hpp"

namespace echelon::gateway {

using nlohmann::json;

json openai_error(const api_error& error) {
  const auto or_null = [](const std::string& text) { return text.empty() ? json() : json(text); };
  return {{"error",
           {{"message", error.message},
            {"type", error.type.empty() ? "server_error" : error.type},
            {"param", or_null(error.param)},
            {"code", or_null(error.code)}}}};
}

} // namespace echelon::gateway
