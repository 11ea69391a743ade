/// Writes Anthropic Messages answers and errors from the canonical form.
#pragma once

#include "gateway/front/front.hpp"

namespace echelon::gateway {

/// The Message object of a chat completion. `target` names the model if the answer does not.
[[nodiscard]] nlohmann::json message_from_chat(const nlohmann::json& canonical,
                                               const std::string& target);

/// A Message without content, stop reason or usage, as `message_start` carries it.
[[nodiscard]] nlohmann::json empty_message(const nlohmann::json& canonical,
                                           const std::string& target);

/// Anthropic's usage of OpenAI's: `input_tokens` leaves out what was read from or written to a
/// cache.
[[nodiscard]] nlohmann::json anthropic_usage(const nlohmann::json& usage);

/// `stop_reason` of a finish reason; `tools`: the answer holds tool calls.
[[nodiscard]] std::string stop_reason_of(const std::string& finish_reason, bool tools);

/// `{"type":"error","error":{type,message}}`, the type by the status.
[[nodiscard]] nlohmann::json anthropic_error(const api_error& error);

} // namespace echelon::gateway
