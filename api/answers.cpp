#include "api/answers.hpp"

#include "providers/chunks.hpp"
#include "providers/json_read.hpp"

namespace echelon::api {

using nlohmann::json;
using providers::member;
using providers::text_of;

namespace {

const json& first_choice(const json& x) {
  static const json none;
  const auto& choices = member(x, "choices");
  return choices.is_array() && !choices.empty() ? choices.front() : none;
}

Usage usage_of(const json& x) {
  const auto count = [](const json& from, const char* key) {
    return providers::count_of(from, key).value_or(0);
  };
  Usage u;
  u.prompt_tokens = count(x, "prompt_tokens");
  u.completion_tokens = count(x, "completion_tokens");
  u.cached_tokens = count(member(x, "prompt_tokens_details"), "cached_tokens");
  u.reasoning_tokens = count(member(x, "completion_tokens_details"), "reasoning_tokens");
  return u;
}

} // namespace

Completion to_completion(const engine::call_report& of, const json& canonical) {
  Completion x;
  const auto& choice = first_choice(canonical);
  const auto& message = member(choice, "message");
  x.text = text_of(message, "content");
  x.thinking = text_of(message, "reasoning_content");
  if (const auto& calls = member(message, "tool_calls"); calls.is_array())
    for (const auto& call : calls) {
      const auto& function = member(call, "function");
      x.tool_calls.push_back(
          {text_of(call, "id"), text_of(function, "name"), text_of(function, "arguments")});
    }
  x.finish_reason = text_of(choice, "finish_reason");
  x.usage = usage_of(member(canonical, "usage"));
  x.model = text_of(canonical, "model");
  x.route = of.route;
  x.request_id = of.request_id;
  x.attempts = of.attempts;
  x.dropped = of.dropped;
  x.json = providers::dump(canonical);
  return x;
}

Chunk to_chunk(const json& chunk) {
  const auto& delta = member(first_choice(chunk), "delta");
  return {text_of(delta, "content"), text_of(delta, "reasoning_content"), providers::dump(chunk)};
}

ErrorKind kind_of(const engine::api_error& x) {
  if (x.code == "model_not_found" && x.param == "model") return ErrorKind::unknown_target;
  if (x.code == "queue_full") return ErrorKind::queue_full;
  if (x.code == "no_healthy_upstream") return ErrorKind::no_healthy_upstream;
  if (x.code == "unavailable") return ErrorKind::unavailable;
  if (x.code == "draining") return ErrorKind::shut_down;
  if (x.code == "deadline_exceeded") return ErrorKind::deadline_exceeded;
  if (x.code == "invalid_api_key") return ErrorKind::authentication;
  if (x.status == 429) return ErrorKind::rate_limited;
  if (x.type == "invalid_request_error" && x.status >= 400 && x.status < 500)
    return ErrorKind::invalid_request;
  return ErrorKind::upstream;
}

LlmError to_error(const engine::call_report& of, const engine::final_error& why,
                  std::string decision, std::string partial) {
  ErrorInfo info;
  info.kind = kind_of(why.error);
  info.status = why.error.status;
  info.code = why.error.code;
  info.param = why.error.param;
  if (why.retry_after > policy::duration::zero())
    info.retry_after = std::chrono::ceil<std::chrono::milliseconds>(why.retry_after);
  info.request_id = of.request_id;
  info.route = of.route;
  info.attempts = of.attempts;
  info.decision = std::move(decision);
  info.partial_text = std::move(partial);
  return {why.error.message, std::move(info)};
}

LlmError plain_error(ErrorKind kind, const std::string& message, int status,
                     const std::string& request_id) {
  ErrorInfo info;
  info.kind = kind;
  info.status = status;
  info.code = to_string(kind);
  info.request_id = request_id;
  return {message, std::move(info)};
}

LlmError cancelled_error(ErrorKind why, const std::string& request_id) {
  return why == ErrorKind::shut_down
             ? plain_error(why, "The router was stopped before the call had its answer.", 503,
                           request_id)
             : plain_error(ErrorKind::cancelled, "The caller cancelled.", 499, request_id);
}

LlmError forked_error(const std::string& request_id) {
  return plain_error(ErrorKind::shut_down,
                     "This process was forked from the one whose LlmFactory this is: make one of "
                     "its own here.",
                     503, request_id);
}

std::string gathered_stream::text() const {
  std::string all;
  for (const auto& chunk : chunks_)
    all += text_of(member(first_choice(chunk), "delta"), "content");
  return all;
}

json gathered_stream::completion() const {
  return providers::completion_of(chunks_);
}

} // namespace echelon::api
