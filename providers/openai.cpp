#include "providers/openai.hpp"

#include "providers/chunks.hpp"
#include "providers/json_read.hpp"
#include "providers/openai_verbatim.hpp"
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

/// As missing_members().
std::optional<std::string> missing_in(const plain_chat& x, const attempt_context& context) {
  const auto& parameters = context.parameters;
  if (context.model.thinking == "effort" || parameters.response_format == "json"
      || (parameters.temperature && !x.temperature_said))
    return std::nullopt;
  if (!x.stream)
    return x.options_said || x.stream_said ? std::nullopt : std::optional{std::string{}};
  if (x.include_usage) return std::string{};
  return x.options_said ? std::nullopt
                        : std::optional<std::string>{R"("stream_options":{"include_usage":true})"};
}

/// What the client's own text lacks or must change is nothing but the model and these members;
/// nothing if more is to be done, see fill(), strip_extensions() and fill_stream().
std::optional<std::string> missing_members(const canonical_request& request,
                                           const attempt_context& context) {
  const auto& parameters = context.parameters;
  if (request.plain) return missing_in(*request.plain, context);
  const auto& body = request.body();
  if (request.native || context.model.thinking == "effort" || body.contains("thinking"))
    return std::nullopt;
  const bool keep_extra_content = contains_text(context.provider.base_url, "googleapis");
  for (const auto& message : member(body, "messages")) {
    if (message.contains("reasoning_content") || message.contains("thinking_blocks"))
      return std::nullopt;
    if (keep_extra_content) continue;
    for (const auto& call : member(message, "tool_calls"))
      if (call.contains("extra_content")) return std::nullopt;
  }
  // One that is null stands in the text already.
  const bool choice = !has(body, "tool_choice") && !tool_choice_of(body, parameters).is_null();
  const bool format = parameters.response_format == "json" && !has(body, "response_format");
  const bool temperature = parameters.temperature && !has(body, "temperature");
  if (choice || format || temperature) return std::nullopt;
  if (!request.stream)
    return body.contains("stream_options") || body.contains("stream")
               ? std::nullopt
               : std::optional{std::string{}};
  if (flag_of(member(body, "stream_options"), "include_usage")) return std::string{};
  return body.contains("stream_options")
             ? std::nullopt
             : std::optional<std::string>{R"("stream_options":{"include_usage":true})"};
}

/// The client's text for this model, where that is all that it takes.
std::optional<std::string> verbatim(const canonical_request& request,
                                    const attempt_context& context) {
  if (request.text.empty() || request.op != operation::chat) return std::nullopt;
  const auto more = missing_members(request, context);
  if (!more) return std::nullopt;
  if (const auto& plain = request.plain)
    return with_model(request.text, plain->model_at, plain->model_size, context.model.model, *more);
  return with_model(request.text, context.model.model, *more);
}

std::string written(const canonical_request& request, const attempt_context& context,
                    std::vector<std::string>& dropped) {
  auto body = request.body();
  if (!body.is_object()) throw wrong_field("", "The body must be a JSON object.");
  body["model"] = context.model.model;
  if (request.op == operation::chat) {
    fill(body, context);
    strip_extensions(body, context, dropped);
    // Servers that know it get it from clients of OpenAI's API, who know their server.
    if (request.native && body.erase("top_k") > 0) dropped.emplace_back("top_k");
    fill_stream(body, request.stream);
  }
  return dump(body);
}

} // namespace

built_request openai_adapter::build(const canonical_request& request,
                                    const attempt_context& context) const {
  built_request result;
  try {
    const bool chat = request.op == operation::chat;
    auto body = verbatim(request, context);
    if (!body) body = written(request, context, result.dropped);
    header_list auth;
    if (!context.api_key.empty())
      auth.emplace_back("authorization", "Bearer " + std::string{context.api_key});
    result.request = make_request(
        context,
        endpoint(context.provider.base_url, "/v1", chat ? "/chat/completions" : "/embeddings"),
        std::move(auth), std::move(*body), chat && request.stream);
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
  if (!request.text.empty() && request.op == operation::chat)
    if (auto same = verbatim_completion(body)) return std::move(*same);
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
