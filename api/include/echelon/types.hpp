/// @file
/// What goes into a call and what comes out of it.
#pragma once

#include <echelon/export.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace echelon {

/// One message of a conversation.
struct Message {
  std::string role;    ///< `system`, `user`, `assistant` or `tool`.
  std::string content; ///< Text.
};

/// What the model is asked: a text, a conversation, or a whole request body.
class ECHELON_API Prompt {
public:
  /// One user message.
  Prompt(std::string text);
  /// One user message.
  Prompt(const char* text);
  /// A conversation, oldest message first; not empty.
  Prompt(std::vector<Message> messages);
  /// A body of OpenAI's `POST /v1/chat/completions` as JSON, for tools, images, schemas and all
  /// else; `model` and `stream` are set by the call. Throws LlmError (invalid_request) if it is no
  /// JSON object.
  static Prompt from_json(const std::string& body);

  /// The body as JSON.
  [[nodiscard]] const std::string& json() const { return json_; }

private:
  struct whole {};
  Prompt(whole, std::string json);
  std::string json_;
};

/// `thinking_config` of the configuration.
struct ThinkingConfig {
  bool enabled = false;                         ///< Ask for thinking.
  std::optional<std::uint32_t> budget_tokens{}; ///< LLM tokens.
};

/// `task_config` of a workflow node. What is not set is as the tier has it.
struct TaskConfig {
  std::optional<double> timeout{};            ///< Seconds: the total deadline.
  std::optional<std::uint32_t> max_retries{}; ///< Overrides every tier's.
  std::optional<double> temperature{};        ///< 0 to 2.
  std::string response_format{};              ///< `text` or `json`; empty: not set.
  std::string function_calling{};             ///< `auto`, `required` or `none`; empty: not set.
  std::optional<ThinkingConfig> thinking_config{}; ///< Overrides the tier's.
};

/// A workflow node that the code brings along, with the keys of `workflow_nodes.<name>`.
struct ECHELON_API NodeConfig {
  std::string type = "llm";                                  ///< Always `llm`.
  std::string llm_group{};                                   ///< `group` or `group.tier`; required.
  std::optional<std::vector<std::string>> fallback_groups{}; ///< In order; `{}`-list: none.
  std::string polling_pool{};                                ///< Pool whose other members follow.
  std::string task_type{};                                   ///< Tier, if llm_group is a group.
  TaskConfig task_config{};                                  ///< Overrides of the tier's values.
  std::optional<ThinkingConfig> thinking_config{};           ///< As in task_config.
  /// The whole node as YAML or JSON; if not empty it is used in place of the fields above.
  std::string text{};

  /// The node as JSON.
  [[nodiscard]] std::string json() const;
};

/// How one call is served.
struct CallOptions {
  std::vector<std::string> fallback_groups{};         ///< Tried after the target's own stages.
  std::optional<std::chrono::milliseconds> timeout{}; ///< Total deadline; > 0.
  std::uint8_t priority = 5;                          ///< 0 to 9; 0 goes first.
  std::optional<double> temperature{};                ///< 0 to 2.
  std::optional<std::uint32_t> max_tokens{};          ///< Ceiling of the answer.
  std::string body_json{};  ///< JSON object whose members are set in the body; empty: none.
  std::string request_id{}; ///< Empty: a new one.
  std::string client_key{}; ///< Sent upstream where a provider has `forward_authorization`.
  /// In place of the client's own target.
  std::optional<NodeConfig> node_config{};
};

/// LLM tokens used.
struct Usage {
  std::int64_t prompt_tokens = 0;     ///< Whole prompt, cached parts included.
  std::int64_t completion_tokens = 0; ///< Whole answer, thinking included.
  std::int64_t cached_tokens = 0;     ///< Part of prompt_tokens.
  std::int64_t reasoning_tokens = 0;  ///< Part of completion_tokens.
};

/// A function that the model wants called.
struct ToolCall {
  std::string id;        ///< To be repeated in the `tool` message that answers it.
  std::string name;      ///< Of the function.
  std::string arguments; ///< JSON text, as the model wrote it.
};

/// A whole answer.
struct Completion {
  std::string text;                 ///< May be empty (tool calls).
  std::string thinking;             ///< May be empty.
  std::vector<ToolCall> tool_calls; ///< In order; may be empty.
  std::string finish_reason;        ///< `stop`, `length`, `tool_calls`, `content_filter`.
  Usage usage;                      ///< Zeros if the upstream told none.
  std::string model;                ///< As the upstream names it.
  std::string route;                ///< `plan_group.echelon2/openai-gpt4-turbo`
  std::string request_id;           ///< `x-request-id`
  std::uint32_t attempts = 0;       ///< Attempts at upstreams, 1 or more.
  std::vector<std::string> dropped; ///< Fields that the provider cannot express.
  std::string json;                 ///< OpenAI's chat completion object.
};

/// A piece of a stream.
struct Chunk {
  std::string text;     ///< May be empty.
  std::string thinking; ///< May be empty.
  std::string json;     ///< OpenAI's `chat.completion.chunk` object (tool calls, usage, the end).
};

/// One or more targets: the first is asked, the others are its fallback groups, in order.
class Targets {
public:
  /// A node, pool, group, tier (`group.tier`) or model.
  Targets(std::string one) : all_{std::move(one)} {}
  /// A node, pool, group, tier (`group.tier`) or model.
  Targets(const char* one) : all_{one} {}
  /// Not empty.
  Targets(std::vector<std::string> all) : all_(std::move(all)) {}
  /// As given.
  [[nodiscard]] const std::vector<std::string>& all() const { return all_; }

private:
  std::vector<std::string> all_;
};

} // namespace echelon
