#include "gateway/front/responses_object.hpp"

#include "gateway/front/wire_text.hpp"

namespace echelon::gateway {

using nlohmann::json;

json text_content(const std::string& text) {
  return {{"type", "output_text"},
          {"text", text},
          {"annotations", json::array()},
          {"logprobs", json::array()}};
}

json refusal_content(const std::string& text) {
  return {{"type", "refusal"}, {"refusal", text}};
}

json thought_content(const std::string& text) {
  return {{"type", "reasoning_text"}, {"text", text}};
}

json message_item(const std::string& id, json content, const char* status) {
  return {{"type", "message"},
          {"id", id},
          {"status", status},
          {"role", "assistant"},
          {"content", std::move(content)}};
}

json thought_item(const std::string& id, json content, const char* status,
                  std::string_view signature) {
  json item = {{"type", "reasoning"},
               {"id", id},
               {"status", status},
               {"summary", json::array()},
               {"content", std::move(content)}};
  if (!signature.empty()) item["encrypted_content"] = signature;
  return item;
}

json call_item(const std::string& id, const std::string& call_id, const std::string& name,
               const std::string& arguments, const char* status) {
  return {{"type", "function_call"}, {"id", id},     {"call_id", call_id},
          {"status", status},        {"name", name}, {"arguments", arguments}};
}

json response_echo(const json& body) {
  const auto or_else = [&](const char* key, json fallback) {
    const auto& value = member(body, key);
    return value.is_null() ? fallback : value;
  };
  auto text = or_else("text", json::object());
  if (member(text, "format").is_null()) text["format"] = {{"type", "text"}};
  auto reasoning = or_else("reasoning", json::object());
  for (const auto* key : {"effort", "summary"})
    if (!reasoning.contains(key)) reasoning[key] = nullptr;
  return {{"instructions", or_else("instructions", nullptr)},
          {"max_output_tokens", or_else("max_output_tokens", nullptr)},
          {"metadata", or_else("metadata", json::object())},
          {"parallel_tool_calls", or_else("parallel_tool_calls", true)},
          {"previous_response_id", nullptr},
          {"reasoning", std::move(reasoning)},
          {"store", false},
          {"temperature", or_else("temperature", nullptr)},
          {"text", std::move(text)},
          {"tool_choice", or_else("tool_choice", "auto")},
          {"tools", or_else("tools", json::array())},
          {"top_p", or_else("top_p", nullptr)},
          {"truncation", "disabled"},
          {"user", or_else("user", nullptr)}};
}

json response_head(const json& canonical, const front_request& request, const char* status) {
  auto result = request.echo.is_object() ? request.echo : response_echo(json::object());
  const auto model = text_of(canonical, "model");
  result.update({{"id", rename_id(text_of(canonical, "id"), "resp_")},
                 {"object", "response"},
                 {"created_at", integer_of(canonical, "created")},
                 {"status", status},
                 {"background", false},
                 {"error", nullptr},
                 {"incomplete_details", nullptr},
                 {"model", model.empty() ? request.target : model},
                 {"output", json::array()},
                 {"usage", nullptr}});
  return result;
}

void complete_response(json& response, const std::string& finish_reason, const json& usage) {
  response["status"] = "completed";
  if (finish_reason == "length" || finish_reason == "content_filter") {
    response["status"] = "incomplete";
    response["incomplete_details"] = {
        {"reason", finish_reason == "length" ? "max_output_tokens" : "content_filter"}};
  }
  if (!usage.is_object()) return;
  const auto& input = member(usage, "prompt_tokens_details");
  const auto& output = member(usage, "completion_tokens_details");
  const auto sent = integer_of(usage, "prompt_tokens");
  const auto received = integer_of(usage, "completion_tokens");
  response["usage"] = {
      {"input_tokens", sent},
      {"input_tokens_details",
       {{"cached_tokens", integer_of(input, "cached_tokens")},
        {"cache_write_tokens", integer_of(input, "cache_write_tokens")}}},
      {"output_tokens", received},
      {"output_tokens_details", {{"reasoning_tokens", integer_of(output, "reasoning_tokens")}}},
      {"total_tokens", integer_of(usage, "total_tokens", sent + received)}};
}

namespace {

void add_thought(const std::string& text, const std::string& signature, json& output) {
  if (!text.empty() || !signature.empty())
    output.push_back(
        thought_item(make_id("rs_"), json::array({thought_content(text)}), "completed", signature));
}

void add_thoughts(const json& message, json& output) {
  const auto& blocks = member(message, "thinking_blocks");
  const auto before = output.size();
  if (blocks.is_array())
    for (const auto& block : blocks)
      add_thought(text_of(block, "thinking"), text_of(block, "signature"), output);
  if (output.size() == before) add_thought(thought_text(message), {}, output);
}

// As the signature of the thought before the call, be that an empty one.
void add_signature(const std::string& signature, json& output) {
  if (signature.empty()) return;
  if (output.empty() || output.back()["type"] != "reasoning"
      || output.back().contains("encrypted_content"))
    add_thought({}, signature, output);
  else
    output.back()["encrypted_content"] = signature;
}

} // namespace

json response_from_chat(const json& canonical, const front_request& request) {
  auto result = response_head(canonical, request, "completed");
  const auto& choice = first_choice(canonical);
  const auto& message = member(choice, "message");
  const auto reason = text_of(choice, "finish_reason");
  complete_response(result, reason, member(canonical, "usage"));
  const char* status = result["status"] == "completed" ? "completed" : "incomplete";
  auto& output = result["output"];
  add_thoughts(message, output);
  json content = json::array();
  if (const auto text = content_text(member(message, "content")); !text.empty())
    content.push_back(text_content(text));
  if (const auto text = text_of(message, "refusal"); !text.empty())
    content.push_back(refusal_content(text));
  const auto& calls = member(message, "tool_calls");
  const bool tools = calls.is_array() && !calls.empty();
  // An answer without anything in it still has one message.
  if (content.empty() && !tools) content.push_back(text_content({}));
  if (!content.empty()) output.push_back(message_item(make_id("msg_"), std::move(content), status));
  if (tools)
    for (const auto& call : calls) {
      const auto& function = member(call, "function");
      const auto id = text_of(call, "id");
      const auto arguments = text_of(function, "arguments");
      add_signature(sealed_signature(call), output);
      output.push_back(call_item(make_id("fc_"), id.empty() ? make_id("call_") : id,
                                 text_of(function, "name"), arguments.empty() ? "{}" : arguments,
                                 status));
    }
  return result;
}

} // namespace echelon::gateway
