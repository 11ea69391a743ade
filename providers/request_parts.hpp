/// What building a request has in common for all wire formats.
#pragma once

#include "providers/adapter.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace echelon::providers {

/// Path of an endpoint: the path of `base_url`, or `version` if it has none, and `suffix`. So
/// `http://h`, `http://h/v1` and `http://h/v1/` are the same to OpenAI.
[[nodiscard]] std::string endpoint(std::string_view base_url, std::string_view version,
                                   std::string_view suffix);

/// Sets a header, replacing one of the same name.
void set_header(header_list& headers, std::string_view name, std::string value);

/// Fills method, target, headers and body: JSON out, JSON or an event stream back, uncompressed;
/// the provider's own `headers` last, so that they win.
[[nodiscard]] http_request make_request(const attempt_context& context, std::string target,
                                        header_list auth, std::string body, bool stream);

/// Path of a field, as OpenAI's `param` names it: `messages[0].content[1]`.
[[nodiscard]] std::string path_of(std::string_view parent, std::size_t index,
                                  std::string_view child = {});

/// Adds each client field that is set and not in `known` to `dropped`.
void note_unknown(const nlohmann::json& body, std::initializer_list<std::string_view> known,
                  std::vector<std::string>& dropped);

/// The client's ceiling: `max_completion_tokens`, else `max_tokens`; absent if neither is set.
/// Throws translation_error if it is no count above 0.
[[nodiscard]] std::optional<std::int64_t> asked_max_tokens(const nlohmann::json& body);

/// The choice of a tool, the tier's `function_calling` filled in where the client has none. Null if
/// there are no tools to choose from.
[[nodiscard]] nlohmann::json tool_choice_of(const nlohmann::json& body,
                                            const config::tier_parameters& parameters);

/// The client's response format, else the tier's; null: plain text.
[[nodiscard]] nlohmann::json response_format_of(const nlohmann::json& body,
                                                const config::tier_parameters& parameters);

/// A tool call's arguments as an object; empty ones are `{}`. Throws translation_error naming
/// `path` if they are no JSON object.
[[nodiscard]] nlohmann::json arguments_object(const nlohmann::json& call, const std::string& path);

/// `data:image/png;base64,...`.
struct data_url {
  std::string mime;
  std::string_view data; ///< Base64; a view into the URL.
};
[[nodiscard]] std::optional<data_url> parse_data_url(std::string_view url);

/// What is wished of thinking, from the client's fields before the tier's.
struct thinking_wish {
  enum class mode { unset, off, on };
  mode how = mode::unset;
  bool by_client = false;
  std::uint32_t budget = 0; ///< LLM tokens; >= 1024 if on.
  std::string effort;       ///< The client's own word; may be empty.
};

/// Reads `reasoning_effort`, `thinking` and the tier's thinking_config. A budget that is not given
/// is 1024 tokens; below the providers' minimum of 1024 it is raised.
[[nodiscard]] thinking_wish thinking_of(const nlohmann::json& body,
                                        const config::tier_parameters& parameters);

/// The word for a budget: below 4096 `low`, below 16384 `medium`, else `high`.
[[nodiscard]] std::string_view effort_for(std::uint32_t budget);

} // namespace echelon::providers
