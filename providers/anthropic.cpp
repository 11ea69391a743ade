#include "providers/anthropic.hpp"

#include "providers/chunks.hpp"
#include "providers/json_read.hpp"
#include "providers/wire_error.hpp"

#include <exception>

namespace echelon::providers {

using nlohmann::json;

std::string_view anthropic_finish(std::string_view stop_reason) {
  if (stop_reason == "max_tokens" || stop_reason == "model_context_window_exceeded")
    return "length";
  if (stop_reason == "tool_use") return "tool_calls";
  if (stop_reason == "refusal") return "content_filter";
  return "stop";
}

void anthropic_usage::take(const json& usage) {
  input = count_of(usage, "input_tokens").value_or(input);
  output = count_of(usage, "output_tokens").value_or(output);
  cache_read = count_of(usage, "cache_read_input_tokens").value_or(cache_read);
  cache_write = count_of(usage, "cache_creation_input_tokens").value_or(cache_write);
  const auto& details = member(usage, "output_tokens_details");
  for (const auto* key : {"thinking_tokens", "reasoning_tokens"})
    thinking = count_of(details, key).value_or(thinking);
}

token_usage anthropic_usage::total() const {
  token_usage result;
  result.prompt_tokens = input + cache_read + cache_write;
  result.completion_tokens = output;
  result.cached_tokens = cache_read;
  result.cache_write_tokens = cache_write;
  result.reasoning_tokens = thinking;
  return result;
}

json completion_from_message(const json& message) {
  const auto& content = member(message, "content");
  if (!content.is_array()) return nullptr;
  std::string text;
  std::string thought;
  json thoughts = json::array();
  json calls = json::array();
  for (const auto& block : content) {
    const auto type = text_of(block, "type");
    if (type == "text") {
      text += text_of(block, "text");
    } else if (type == "thinking") {
      thought += text_of(block, "thinking");
      thoughts.push_back(block);
    } else if (type == "redacted_thinking") {
      thoughts.push_back(block);
    } else if (type == "tool_use") {
      const auto& input = member(block, "input");
      calls.push_back({{"id", text_of(block, "id")},
                       {"type", "function"},
                       {"function",
                        {{"name", text_of(block, "name")},
                         {"arguments", input.is_object() ? dump(input) : std::string{"{}"}}}}});
    }
  }
  json answer{{"role", "assistant"}, {"content", text}, {"refusal", nullptr}};
  if (text.empty() && !calls.empty()) answer["content"] = nullptr;
  if (!thought.empty()) answer["reasoning_content"] = thought;
  if (!thoughts.empty()) answer["thinking_blocks"] = std::move(thoughts);
  if (!calls.empty()) answer["tool_calls"] = std::move(calls);
  const auto id = text_of(message, "id");
  anthropic_usage usage;
  usage.take(member(message, "usage"));
  return {{"id", id.empty() ? make_id("chatcmpl-") : id},
          {"object", "chat.completion"},
          {"created", 0},
          {"model", text_of(message, "model")},
          {"choices", json::array({{{"index", 0},
                                    {"message", std::move(answer)},
                                    {"logprobs", nullptr},
                                    {"finish_reason", std::string{anthropic_finish(
                                                          text_of(message, "stop_reason"))}}}})},
          {"usage", usage_object(usage.total())}};
}

std::vector<json> chunks_of_message(const json& message, std::int64_t created) {
  auto completion = completion_from_message(message);
  if (completion.is_null()) return {};
  completion["created"] = created;
  auto chunks = chunks_of(completion, created);
  anthropic_usage usage;
  usage.take(member(message, "usage"));
  chunk_writer writer{created};
  writer.name(text_of(completion, "id"), text_of(completion, "model"));
  chunks.push_back(writer.usage(usage.total()));
  return chunks;
}

namespace {

/// The answer as it came, for a client that speaks this form.
plain_reply relay(json message) {
  plain_reply reply;
  anthropic_usage usage;
  usage.take(member(message, "usage"));
  if (has(message, "usage")) reply.usage = usage.total();
  reply.body["native"] = std::move(message);
  return reply;
}

} // namespace

plain_reply anthropic_adapter::parse(const canonical_request& request,
                                     std::string_view body) const {
  plain_reply reply;
  try {
    auto value = parse_json(body);
    if (value.is_discarded()) {
      reply.failure = not_json(body);
    } else if (auto failure = embedded_failure(value)) {
      reply.failure = std::move(failure);
    } else if (!member(value, "content").is_array()) {
      reply.failure = invalid_reply("upstream answered without content");
    } else if (request.native) {
      reply = relay(std::move(value));
    } else {
      reply.body = completion_from_message(value);
      reply.usage = usage_of(reply.body["usage"]);
    }
  } catch (const std::exception&) {
    reply.failure = invalid_reply("upstream answered in an unknown form");
  }
  return reply;
}

upstream_failure anthropic_adapter::parse_error(int status, const header_list& headers,
                                                std::string_view body,
                                                std::chrono::system_clock::time_point now) const {
  return read_failure(status, headers, body, now);
}

std::unique_ptr<stream_decoder> anthropic_adapter::decode_stream(const canonical_request& request,
                                                                 std::int64_t created) const {
  return request.native ? make_anthropic_relay(created) : make_anthropic_decoder(created);
}

} // namespace echelon::providers
