#include "gateway/front/responses_stream.hpp"

#include "gateway/front/responses_object.hpp"
#include "gateway/front/wire_text.hpp"

#include <utility>

namespace echelon::gateway {

using nlohmann::json;

void responses_stream::emit(const char* type, json fields) {
  fields["type"] = type;
  fields["sequence_number"] = sequence_++;
  out_ += sse_event(type, fields);
}

void responses_stream::emit_in_item(const char* type, json fields) {
  fields["item_id"] = item_id_;
  fields["output_index"] = response_["output"].size();
  emit(type, std::move(fields));
}

void responses_stream::start(const json& chunk) {
  if (!response_.is_null()) return;
  response_ = response_head(chunk, request_, "in_progress");
  emit("response.created", {{"response", response_}});
  emit("response.in_progress", {{"response", response_}});
}

std::string responses_stream::chunk(const json& chunk) {
  if (ended_ || !chunk.is_object()) return {};
  start(chunk);
  blocks_.take(chunk);
  return std::exchange(out_, {});
}

std::string responses_stream::finish() {
  if (ended_) return {};
  start(json::object());
  blocks_.flush();
  ended_ = true;
  complete_response(response_, blocks_.finish_reason(), blocks_.usage());
  const bool whole = response_["status"] == "completed";
  emit(whole ? "response.completed" : "response.incomplete", {{"response", response_}});
  return std::exchange(out_, {});
}

std::string responses_stream::error(const api_error& error) {
  if (ended_) return {};
  ended_ = true;
  if (response_.is_null()) {
    emit("error", {{"message", error.message},
                   {"code", error.code.empty() ? json(error.type) : json(error.code)},
                   {"param", error.param.empty() ? json() : json(error.param)}});
    return std::exchange(out_, {});
  }
  const auto* code = error.status == 429  ? "rate_limit_exceeded"
                     : error.status < 500 ? "invalid_prompt"
                                          : "server_error";
  response_["status"] = "failed";
  response_["error"] = {{"code", code}, {"message", error.message}};
  emit("response.failed", {{"response", response_}});
  return std::exchange(out_, {});
}

json responses_stream::part() const {
  switch (head_.kind) {
  case block_kind::refusal: return refusal_content(text_);
  case block_kind::thinking: return thought_content(text_);
  default: return text_content(text_);
  }
}

json responses_stream::item(const char* status) const {
  json content = json::array();
  // A new item has no parts yet.
  if (std::string_view{status} != "in_progress") content.push_back(part());
  if (head_.kind == block_kind::tool)
    return call_item(item_id_, head_.id, head_.name, text_, status);
  if (head_.kind == block_kind::thinking)
    return thought_item(item_id_, std::move(content), status, signature_);
  return message_item(item_id_, std::move(content), status);
}

void responses_stream::open(const block_head& head) {
  head_ = head;
  text_.clear();
  signature_.clear();
  if (head.kind == block_kind::redacted) return; // This API has no place for it.
  const bool tool = head.kind == block_kind::tool;
  const bool thinking = head.kind == block_kind::thinking;
  item_id_ = make_id(tool ? "fc_" : thinking ? "rs_" : "msg_");
  if (tool && head_.id.empty()) head_.id = make_id("call_");
  emit("response.output_item.added",
       {{"output_index", response_["output"].size()}, {"item", item("in_progress")}});
  if (!tool) emit_in_item("response.content_part.added", {{"content_index", 0}, {"part", part()}});
}

void responses_stream::append(std::string_view text) {
  text_ += text;
  switch (head_.kind) {
  case block_kind::redacted: return;
  case block_kind::tool:
    return emit_in_item("response.function_call_arguments.delta", {{"delta", text}});
  case block_kind::thinking:
    return emit_in_item("response.reasoning_text.delta", {{"content_index", 0}, {"delta", text}});
  case block_kind::refusal:
    return emit_in_item("response.refusal.delta", {{"content_index", 0}, {"delta", text}});
  case block_kind::text:
    return emit_in_item("response.output_text.delta",
                        {{"content_index", 0}, {"delta", text}, {"logprobs", json::array()}});
  }
}

void responses_stream::close_text(const char* done, const char* key) {
  json fields = {{"content_index", 0}, {key, text_}};
  if (head_.kind == block_kind::text) fields["logprobs"] = json::array();
  emit_in_item(done, std::move(fields));
  emit_in_item("response.content_part.done", {{"content_index", 0}, {"part", part()}});
}

void responses_stream::close(std::string_view signature) {
  signature_ = signature;
  switch (head_.kind) {
  case block_kind::redacted: return;
  case block_kind::tool:
    if (text_.empty()) append("{}"); // Arguments are JSON even when there are none.
    emit_in_item("response.function_call_arguments.done",
                 {{"name", head_.name}, {"arguments", text_}});
    break;
  case block_kind::thinking: close_text("response.reasoning_text.done", "text"); break;
  case block_kind::refusal: close_text("response.refusal.done", "refusal"); break;
  case block_kind::text: close_text("response.output_text.done", "text"); break;
  }
  auto done = item("completed");
  emit("response.output_item.done", {{"output_index", response_["output"].size()}, {"item", done}});
  response_["output"].push_back(std::move(done));
}

} // namespace echelon::gateway
