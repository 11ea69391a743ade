#include "providers/openai.hpp"

#include "providers/chunks.hpp"
#include "providers/json_read.hpp"
#include "providers/request_parts.hpp"
#include "providers/text.hpp"
#include "providers/wire_error.hpp"

#include <exception>

namespace echelon::providers {

using nlohmann::json;

namespace {

// Fields of the canonical form that OpenAI does not know and would refuse.
void strip_extensions(json& body, const attempt_context& context,
                      std::vector<std::string>& dropped) {
  const bool keep_extra_content = contains_text(context.provider.base_url, "googleapis");
  // For models that think by effort it was translated to that.
  const bool said = context.model.thinking == "effort" && has(body, "reasoning_effort");
  if (body.erase("thinking") > 0 && !said) dropped.emplace_back("thinking");
  const auto messages = body.find("messages");
  if (messages == body.end() || !messages->is_array()) return;
  for (auto& message : *messages) {
    if (!message.is_object()) continue;
    message.erase("reasoning_content");
    message.erase("thinking_blocks");
    const auto calls = message.find("tool_calls");
    if (keep_extra_content || calls == message.end() || !calls->is_array()) continue;
    for (auto& call : *calls)
      if (call.is_object()) call.erase("extra_content");
  }
}

void fill_thinking(json& body, const attempt_context& context) {
  if (context.model.thinking != "effort") return;
  const auto wish = thinking_of(body, context.parameters);
  if (!has(body, "reasoning_effort") && wish.how == thinking_wish::mode::on)
    body["reasoning_effort"] = effort_for(wish.budget);
  // Reasoning models refuse the old name.
  if (has(body, "max_tokens") && !has(body, "max_completion_tokens"))
    body["max_completion_tokens"] = body["max_tokens"];
  body.erase("max_tokens");
}

void fill(json& body, const attempt_context& context) {
  const auto& parameters = context.parameters;
  fill_thinking(body, context);
  // Reasoning models take no temperature but their own.
  if (parameters.temperature && !has(body, "temperature") && context.model.thinking != "effort")
    body["temperature"] = *parameters.temperature;
  if (parameters.response_format == "json" && !has(body, "response_format"))
    body["response_format"] = {{"type", "json_object"}};
  if (!has(body, "tool_choice"))
    if (auto choice = tool_choice_of(body, parameters); !choice.is_null())
      body["tool_choice"] = std::move(choice);
}

void fill_stream(json& body, bool stream) {
  if (!stream) {
    body.erase("stream");
    body.erase("stream_options"); // Refused without `stream`.
    return;
  }
  body["stream"] = true;
  auto options = member(body, "stream_options");
  if (!options.is_object()) options = json::object();
  options["include_usage"] = true;
  body["stream_options"] = std::move(options);
}

// Whether every choice holds a message, so that a client can use it.
bool usable(json& choices) {
  if (!choices.is_array() || choices.empty()) return false;
  for (auto& choice : choices) {
    if (!member(choice, "message").is_object()) return false;
    auto& message = choice["message"];
    if (text_of(message, "role").empty()) message["role"] = "assistant";
    if (!message.contains("content")) message["content"] = nullptr;
  }
  return true;
}

} // namespace

built_request openai_adapter::build(const canonical_request& request,
                                    const attempt_context& context) const {
  built_request result;
  try {
    auto body = request.body;
    if (!body.is_object()) throw wrong_field("", "The body must be a JSON object.");
    body["model"] = context.model.model;
    const bool chat = request.op == operation::chat;
    if (chat) {
      fill(body, context);
      strip_extensions(body, context, result.dropped);
      // Servers that know it get it from clients of OpenAI's API, who know their server.
      if (request.native && body.erase("top_k") > 0) result.dropped.emplace_back("top_k");
      fill_stream(body, request.stream);
    }
    header_list auth;
    if (!context.api_key.empty())
      auth.emplace_back("authorization", "Bearer " + std::string{context.api_key});
    result.request = make_request(
        context,
        endpoint(context.provider.base_url, "/v1", chat ? "/chat/completions" : "/embeddings"),
        std::move(auth), body, chat && request.stream);
  } catch (const translation_error& error) {
    result.failure = error.failure;
  } catch (const std::exception&) {
    result.failure = wrong_field("", "The request has an unknown form.").failure;
  }
  return result;
}

plain_reply read_embeddings(json body) {
  plain_reply reply;
  const auto& data = member(body, "data");
  if (!data.is_array() || data.empty()) {
    reply.failure = invalid_reply("upstream answered without embeddings");
    return reply;
  }
  reply.usage = usage_of(member(body, "usage"));
  reply.body = std::move(body);
  return reply;
}

plain_reply openai_adapter::parse(const canonical_request& request, std::string_view body) const {
  plain_reply reply;
  auto value = parse_json(body);
  if (value.is_discarded()) {
    reply.failure = not_json(body);
  } else if (auto failure = embedded_failure(value)) {
    reply.failure = std::move(failure);
  } else if (request.op == operation::embeddings) {
    reply = read_embeddings(std::move(value));
  } else if (!value.is_object() || !usable(value["choices"])) {
    reply.failure = invalid_reply("upstream answered without a usable choice");
  } else {
    if (text_of(value, "object").empty()) value["object"] = "chat.completion";
    reply.usage = usage_of(member(value, "usage"));
    reply.body = std::move(value);
  }
  return reply;
}

upstream_failure openai_adapter::parse_error(int status, const header_list& headers,
                                             std::string_view body,
                                             std::chrono::system_clock::time_point now) const {
  return read_failure(status, headers, body, now);
}

std::unique_ptr<stream_decoder> openai_adapter::decode_stream(const canonical_request&,
                                                              std::int64_t created) const {
  return make_openai_decoder(created);
}

} // namespace echelon::providers
