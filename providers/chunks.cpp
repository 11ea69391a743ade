#include "providers/chunks.hpp"

#include "providers/json_read.hpp"

#include <map>
#include <utility>

namespace echelon::providers {

using nlohmann::json;

namespace {

// Adds one delta to a message: texts are joined, calls by their index.
void add_delta(json& message, const json& delta) {
  for (const auto* key : {"content", "refusal", "reasoning_content"}) {
    const auto text = text_of(delta, key);
    if (text.empty()) continue;
    message[key] = text_of(message, key) + text;
  }
  if (const auto& blocks = member(delta, "thinking_blocks"); blocks.is_array())
    for (const auto& block : blocks)
      message["thinking_blocks"].push_back(block);
  const auto& calls = member(delta, "tool_calls");
  if (!calls.is_array()) return;
  for (auto call : calls) {
    const auto index = static_cast<std::size_t>(count_of(call, "index").value_or(0));
    auto& known = message["tool_calls"];
    call.erase("index");
    if (index >= known.size())
      known.push_back(std::move(call));
    else
      known[index]["function"]["arguments"] = text_of(member(known[index], "function"), "arguments")
                                              + text_of(member(call, "function"), "arguments");
  }
}

json call_delta(const json& call, std::size_t index) {
  auto result = call;
  result["index"] = index;
  return result;
}

} // namespace

void chunk_writer::name(std::string id, std::string model) {
  if (!id.empty()) id_ = std::move(id);
  if (!model.empty()) model_ = std::move(model);
}

json chunk_writer::frame(json choices) {
  if (id_.empty()) id_ = make_id("chatcmpl-");
  return {{"id", id_},
          {"object", "chat.completion.chunk"},
          {"created", created_},
          {"model", model_},
          {"choices", std::move(choices)}};
}

json chunk_writer::delta(std::int64_t index, json delta) {
  return frame(
      json::array({{{"index", index}, {"delta", std::move(delta)}, {"finish_reason", nullptr}}}));
}

json chunk_writer::finish(std::int64_t index, std::string_view reason) {
  return frame(json::array(
      {{{"index", index}, {"delta", json::object()}, {"finish_reason", std::string{reason}}}}));
}

json chunk_writer::usage(const token_usage& usage) {
  auto chunk = frame(json::array());
  chunk["usage"] = usage_object(usage);
  return chunk;
}

json usage_object(const token_usage& usage) {
  return {
      {"prompt_tokens", usage.prompt_tokens},
      {"completion_tokens", usage.completion_tokens},
      {"total_tokens", usage.prompt_tokens + usage.completion_tokens},
      {"prompt_tokens_details",
       {{"cached_tokens", usage.cached_tokens}, {"cache_write_tokens", usage.cache_write_tokens}}},
      {"completion_tokens_details", {{"reasoning_tokens", usage.reasoning_tokens}}}};
}

std::optional<token_usage> usage_of(const json& usage) {
  if (!usage.is_object()) return std::nullopt;
  const auto& prompt = member(usage, "prompt_tokens_details");
  const auto& completion = member(usage, "completion_tokens_details");
  token_usage result;
  result.prompt_tokens = count_of(usage, "prompt_tokens").value_or(0);
  result.completion_tokens = count_of(usage, "completion_tokens").value_or(0);
  result.cached_tokens = count_of(prompt, "cached_tokens").value_or(0);
  result.cache_write_tokens = count_of(prompt, "cache_write_tokens").value_or(0);
  result.reasoning_tokens = count_of(completion, "reasoning_tokens").value_or(0);
  return result;
}

bool has_content(const json& delta) {
  for (const auto* key : {"content", "refusal", "reasoning_content", "reasoning", "tool_calls",
                          "function_call", "audio", "thinking_blocks"}) {
    const auto& value = member(delta, key);
    if (value.is_string() ? !value.get_ref<const std::string&>().empty() : !value.empty())
      return true;
  }
  return false;
}

std::vector<json> chunks_of(const json& completion, std::int64_t created) {
  std::vector<json> chunks;
  const auto& choices = member(completion, "choices");
  if (!choices.is_array()) return chunks;
  chunk_writer writer{count_of(completion, "created").value_or(created)};
  writer.name(text_of(completion, "id"), text_of(completion, "model"));
  std::int64_t position = 0;
  for (const auto& choice : choices) {
    const auto index = count_of(choice, "index").value_or(position++);
    auto message = member(choice, "message");
    if (!message.is_object()) continue;
    message["role"] = "assistant";
    if (auto calls = member(message, "tool_calls"); calls.is_array()) {
      message["tool_calls"] = json::array();
      for (std::size_t i = 0; i < calls.size(); ++i)
        message["tool_calls"].push_back(call_delta(calls[i], i));
    }
    chunks.push_back(writer.delta(index, std::move(message)));
    const auto reason = text_of(choice, "finish_reason");
    chunks.push_back(writer.finish(index, reason.empty() ? "stop" : reason));
  }
  return chunks;
}

json completion_of(const std::vector<json>& chunks) {
  json result{{"object", "chat.completion"}};
  std::map<std::int64_t, json> choices;
  for (const auto& chunk : chunks) {
    for (const auto* key : {"id", "created", "model", "usage"})
      if (has(chunk, key)) result[key] = member(chunk, key);
    for (const auto& choice : member(chunk, "choices")) {
      const auto index = count_of(choice, "index").value_or(0);
      auto [it, fresh] = choices.try_emplace(index);
      if (fresh)
        it->second = {
            {"index", index},
            {"message", {{"role", "assistant"}, {"content", nullptr}, {"refusal", nullptr}}},
            {"logprobs", nullptr},
            {"finish_reason", nullptr}};
      add_delta(it->second["message"], member(choice, "delta"));
      if (has(choice, "finish_reason")) it->second["finish_reason"] = choice["finish_reason"];
    }
  }
  result["choices"] = json::array();
  for (auto& [index, choice] : choices) {
    auto& message = choice["message"];
    if (message["content"].is_null() && !message.contains("tool_calls")) message["content"] = "";
    result["choices"].push_back(std::move(choice));
  }
  return result;
}

} // namespace echelon::providers
