/// Writes Response objects and their items from the canonical form.
#pragma once

#include "gateway/front/front.hpp"

namespace echelon::gateway {

/// What a Response repeats of its request, with the API's defaults: tools, limits, text form.
[[nodiscard]] nlohmann::json response_echo(const nlohmann::json& body);

/// A Response without output and usage; `status` as the API names it. `echo` may be null.
[[nodiscard]] nlohmann::json response_head(const nlohmann::json& canonical,
                                           const front_request& request, const char* status);

/// Sets status, incomplete_details and usage of a finished Response.
void complete_response(nlohmann::json& response, const std::string& finish_reason,
                       const nlohmann::json& usage);

/// The Response of a whole chat completion.
[[nodiscard]] nlohmann::json response_from_chat(const nlohmann::json& canonical,
                                                const front_request& request);

[[nodiscard]] nlohmann::json text_content(const std::string& text);    ///< An output_text part.
[[nodiscard]] nlohmann::json refusal_content(const std::string& text); ///< A refusal part.
[[nodiscard]] nlohmann::json thought_content(const std::string& text); ///< A reasoning_text part.

/// Output items; `content` is an array of parts.
[[nodiscard]] nlohmann::json message_item(const std::string& id, nlohmann::json content,
                                          const char* status);
/// `signature` goes out as `encrypted_content`, which clients send back; empty: none.
[[nodiscard]] nlohmann::json thought_item(const std::string& id, nlohmann::json content,
                                          const char* status, std::string_view signature = {});
[[nodiscard]] nlohmann::json call_item(const std::string& id, const std::string& call_id,
                                       const std::string& name, const std::string& arguments,
                                       const char* status);

} // namespace echelon::gateway
