#include "gateway/front/anthropic_answer.hpp"

#include "gateway/front/wire_text.hpp"

#include <algorithm>

namespace echelon::gateway {

using nlohmann::json;

namespace {

// `input` must be an object; arguments that are none are handed on as text rather than lost.
json tool_input(const json& arguments) {
  if (arguments.is_object()) return arguments;
  const auto text = arguments.is_string() ? arguments.get<std::string>() : std::string{};
  if (text.empty()) return json::object();
  auto parsed = json::parse(text, nullptr, false);
  return parsed.is_object() ? parsed : json{{"raw_arguments", text}};
}

void add_thoughts(const json& message, json& content) {
  const auto& blocks = member(message, "thinking_blocks");
  bool added = false;
  if (blocks.is_array())
    for (const auto& block : blocks) {
      if (text_of(block, "type") == "redacted_thinking")
        content.push_back({{"type", "redacted_thinking"}, {"data", text_of(block, "data")}});
      else
        content.push_back({{"type", "thinking"},
                           {"thinking", text_of(block, "thinking")},
                           {"signature", text_of(block, "signature")}});
      added = true;
    }
  if (added) return;
  if (const auto text = thought_text(message); !text.empty())
    content.push_back({{"type", "thinking"}, {"thinking", text}, {"signature", ""}});
}

// As the signature of the thought before the call, be that an empty one.
void add_signature(std::string signature, json& content) {
  if (signature.empty()) return;
  if (content.empty() || content.back()["type"] != "thinking" || content.back()["signature"] != "")
    content.push_back({{"type", "thinking"}, {"thinking", ""}, {"signature", ""}});
  content.back()["signature"] = std::move(signature);
}

std::string error_type_of(int status) {
  switch (status) {
  case 401: return "authentication_error";
  case 402: return "billing_error";
  case 403: return "permission_error";
  case 404: return "not_found_error";
  case 408:
  case 504: return "timeout_error";
  case 413: return "request_too_large";
  case 429: return "rate_limit_error";
  case 503:
  case 529: return "overloaded_error";
  default: return status < 500 ? "invalid_request_error" : "api_error";
  }
}

} // namespace

json anthropic_usage(const json& usage) {
  const auto& details = member(usage, "prompt_tokens_details");
  const auto read = integer_of(details, "cached_tokens");
  const auto written = integer_of(details, "cache_write_tokens");
  const auto input = integer_of(usage, "prompt_tokens") - read - written;
  return {{"input_tokens", std::max<std::int64_t>(input, 0)},
          {"cache_creation_input_tokens", written},
          {"cache_read_input_tokens", read},
          {"output_tokens", integer_of(usage, "completion_tokens")}};
}

std::string stop_reason_of(const std::string& finish_reason, bool tools) {
  if (finish_reason == "length") return "max_tokens";
  if (finish_reason == "content_filter") return "refusal";
  return tools ? "tool_use" : "end_turn";
}

json empty_message(const json& canonical, const std::string& target) {
  const auto model = text_of(canonical, "model");
  return {{"id", rename_id(text_of(canonical, "id"), "msg_")},
          {"type", "message"},
          {"role", "assistant"},
          {"model", model.empty() ? target : model},
          {"content", json::array()},
          {"stop_reason", nullptr},
          {"stop_sequence", nullptr},
          {"usage", anthropic_usage(member(canonical, "usage"))}};
}

json message_from_chat(const json& canonical, const std::string& target) {
  auto result = empty_message(canonical, target);
  const auto& choice = first_choice(canonical);
  const auto& message = member(choice, "message");
  json content = json::array();
  add_thoughts(message, content);
  for (const auto& text : {content_text(member(message, "content")), text_of(message, "refusal")})
    if (!text.empty()) content.push_back({{"type", "text"}, {"text", text}});
  const auto& calls = member(message, "tool_calls");
  const bool tools = calls.is_array() && !calls.empty();
  if (tools)
    for (const auto& call : calls) {
      const auto& function = member(call, "function");
      const auto id = text_of(call, "id");
      add_signature(sealed_signature(call), content);
      content.push_back({{"type", "tool_use"},
                         {"id", id.empty() ? make_id("toolu_") : id},
                         {"name", text_of(function, "name")},
                         {"input", tool_input(member(function, "arguments"))}});
    }
  result["content"] = std::move(content);
  result["stop_reason"] = stop_reason_of(text_of(choice, "finish_reason"), tools);
  return result;
}

json anthropic_error(const api_error& error) {
  return {{"type", "error"},
          {"error", {{"type", error_type_of(error.status)}, {"message", error.message}}}};
}

} // namespace echelon::gateway
