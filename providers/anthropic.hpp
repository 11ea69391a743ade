/// Anthropic's Messages API.
#pragma once

#include "providers/adapter.hpp"

#include <nlohmann/json.hpp>

#include <memory>
#include <string_view>
#include <vector>

namespace echelon::providers {

class anthropic_adapter final : public adapter {
public:
  [[nodiscard]] built_request build(const canonical_request& request,
                                    const attempt_context& context) const override;
  [[nodiscard]] plain_reply parse(const canonical_request& request,
                                  std::string_view body) const override;
  [[nodiscard]] upstream_failure
  parse_error(int status, const header_list& headers, std::string_view body,
              std::chrono::system_clock::time_point now) const override;
  [[nodiscard]] std::unique_ptr<stream_decoder> decode_stream(const canonical_request& request,
                                                              std::int64_t created) const override;
};

/// System prompt and turns of a conversation in Anthropic's form.
struct anthropic_turns {
  nlohmann::json system;   ///< Null: none. Text, or blocks where one carries `cache_control`.
  nlohmann::json messages; ///< Roles alternate; every content is a list of blocks.
};

/// Translates OpenAI's messages. Throws translation_error. With `thoughts`, signed thinking blocks
/// are sent back; without, they are left out.
[[nodiscard]] anthropic_turns anthropic_turns_of(const nlohmann::json& messages, bool thoughts);

/// Whether a block of thought is Anthropic's own: signed by it, or redacted. It refuses others.
[[nodiscard]] bool own_thought(const nlohmann::json& block);

/// Whether the last turn answers tool calls of an assistant turn that holds no signed thought: such
/// a conversation cannot go on with thinking.
[[nodiscard]] bool thoughtless_tool_loop(const nlohmann::json& messages);

/// OpenAI's finish reason for a `stop_reason`.
[[nodiscard]] std::string_view anthropic_finish(std::string_view stop_reason);

/// Adds what `usage` says to `into`. Counts are cumulative: each replaces the one before.
struct anthropic_usage {
  std::int64_t input = 0;
  std::int64_t output = 0;
  std::int64_t cache_read = 0;
  std::int64_t cache_write = 0;
  std::int64_t thinking = 0;
  void take(const nlohmann::json& usage);
  [[nodiscard]] token_usage total() const;
};

/// The chat completion that a Message is; `created` is 0: the API names no time. Null without a
/// content list.
[[nodiscard]] nlohmann::json completion_from_message(const nlohmann::json& message);

/// The chunks that say the same as a whole Message, its usage last. Empty without a content list.
[[nodiscard]] std::vector<nlohmann::json> chunks_of_message(const nlohmann::json& message,
                                                            std::int64_t created);

[[nodiscard]] std::unique_ptr<stream_decoder> make_anthropic_decoder(std::int64_t created);

/// For clients that speak this form: chunks hold the events as they came, under `native`.
[[nodiscard]] std::unique_ptr<stream_decoder> make_anthropic_relay(std::int64_t created);

} // namespace echelon::providers
