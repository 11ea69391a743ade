#include "providers/simulator/render.hpp"

#include <algorithm>

namespace echelon::providers {

using nlohmann::json;

answer_renderer::answer_renderer(const simulated_call& call, std::string text, std::uint64_t id)
    : call_(call), text_(std::move(text)), id_(id),
      thought_tokens_(call.thinking ? count_tokens(thought_text) : 0),
      completion_tokens_(thought_tokens_
                         + count_tokens(call.tool.empty() ? text_ : to_text(call.arguments))) {}

std::string answer_renderer::plain() const {
  switch (call_.api) {
  case simulated_api::openai_chat: return to_text(openai_plain());
  case simulated_api::openai_embeddings: return to_text(openai_embeddings());
  case simulated_api::anthropic_messages: return to_text(anthropic_plain());
  case simulated_api::gemini_generate: return to_text(gemini_plain());
  case simulated_api::gemini_embed: return to_text(gemini_embeddings());
  case simulated_api::unknown:
  case simulated_api::openai_models:
  case simulated_api::control: break;
  }
  return {};
}

rendered_stream answer_renderer::stream() const {
  if (call_.api == simulated_api::anthropic_messages) return anthropic_stream();
  if (call_.api == simulated_api::gemini_generate) return gemini_stream();
  return openai_stream();
}

std::string to_text(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const auto blank = text.find(' ');
    const auto end = blank == std::string_view::npos ? blank : text.find_first_not_of(' ', blank);
    out.emplace_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end);
  }
  return out;
}

std::string echo_text(const simulated_call& call) {
  auto size = std::min<std::size_t>(call.prompt.size(), 200);
  while (size < call.prompt.size() && size > 0
         && (static_cast<unsigned char>(call.prompt[size]) & 0xc0U) == 0x80U)
    --size;
  return "Simulated " + call.model + " answer to: " + call.prompt.substr(0, size);
}

namespace {

std::string_view anthropic_type(int status) {
  switch (status) {
  case 401: return "authentication_error";
  case 402: return "billing_error";
  case 403: return "permission_error";
  case 404: return "not_found_error";
  case 413: return "request_too_large";
  case 429: return "rate_limit_error";
  case 504: return "timeout_error";
  case 529: return "overloaded_error";
  default: return status >= 500 ? "api_error" : "invalid_request_error";
  }
}

std::string_view gemini_status(int status) {
  switch (status) {
  case 401: return "UNAUTHENTICATED";
  case 403: return "PERMISSION_DENIED";
  case 404: return "NOT_FOUND";
  case 429: return "RESOURCE_EXHAUSTED";
  case 503: return "UNAVAILABLE";
  case 504: return "DEADLINE_EXCEEDED";
  default: return status >= 500 ? "INTERNAL" : "INVALID_ARGUMENT";
  }
}

json openai_error(int status, const std::string& message) {
  json code = nullptr;
  std::string type = status >= 500 ? "server_error" : "invalid_request_error";
  if (status == 401) code = "invalid_api_key";
  if (status == 404) code = "model_not_found";
  if (status == 429) {
    type = "requests";
    code = "rate_limit_exceeded";
  }
  return {{"error", {{"message", message}, {"type", type}, {"param", nullptr}, {"code", code}}}};
}

} // namespace

std::string error_text(simulated_api api, int status, const std::string& message) {
  if (api == simulated_api::anthropic_messages)
    return to_text(
        {{"type", "error"}, {"error", {{"type", anthropic_type(status)}, {"message", message}}}});
  if (api == simulated_api::gemini_generate || api == simulated_api::gemini_embed)
    return to_text(
        {{"error", {{"code", status}, {"message", message}, {"status", gemini_status(status)}}}});
  return to_text(openai_error(status, message));
}

std::string error_event_text(simulated_api api, const json& event) {
  const auto data = "data: " + to_text(event) + "\n\n";
  return api == simulated_api::anthropic_messages ? "event: error\n" + data : data;
}

} // namespace echelon::providers
