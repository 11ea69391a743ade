#include "gateway/front/anthropic_stream.hpp"

#include "gateway/front/anthropic_answer.hpp"
#include "gateway/front/wire_text.hpp"

#include <utility>

namespace echelon::gateway {

using nlohmann::json;

void messages_stream::start(const json& chunk) {
  if (std::exchange(started_, true)) return;
  out_ += sse_event("message_start",
                    {{"type", "message_start"}, {"message", empty_message(chunk, target_)}});
}

std::string messages_stream::chunk(const json& chunk) {
  if (closed_ || !chunk.is_object()) return {};
  if (const auto native = chunk.find("native"); native != chunk.end()) {
    // An event of an upstream that speaks this API: as it came, and its own end is the end.
    const auto type = text_of(*native, "type");
    if (type == "message_stop") closed_ = true;
    return sse_event(type, *native);
  }
  start(chunk);
  blocks_.take(chunk);
  return std::exchange(out_, {});
}

std::string messages_stream::finish() {
  if (closed_) return {};
  closed_ = true;
  start(json::object());
  blocks_.flush();
  const json delta = {{"stop_reason", stop_reason_of(blocks_.finish_reason(), blocks_.saw_tool())},
                      {"stop_sequence", nullptr}};
  out_ += sse_event(
      "message_delta",
      {{"type", "message_delta"}, {"delta", delta}, {"usage", anthropic_usage(blocks_.usage())}});
  out_ += sse_event("message_stop", {{"type", "message_stop"}});
  return std::exchange(out_, {});
}

std::string messages_stream::error(const api_error& error) {
  if (closed_) return {};
  closed_ = true;
  return sse_event("error", anthropic_error(error));
}

void messages_stream::open(const block_head& head) {
  kind_ = head.kind;
  ++index_;
  json block;
  switch (kind_) {
  case block_kind::text:
  case block_kind::refusal: block = {{"type", "text"}, {"text", ""}}; break;
  case block_kind::thinking:
    block = {{"type", "thinking"}, {"thinking", ""}, {"signature", ""}};
    break;
  case block_kind::redacted: block = {{"type", "redacted_thinking"}, {"data", head.data}}; break;
  case block_kind::tool:
    block = {{"type", "tool_use"},
             {"id", head.id.empty() ? make_id("toolu_") : head.id},
             {"name", head.name},
             {"input", json::object()}};
    break;
  }
  out_ += sse_event(
      "content_block_start",
      {{"type", "content_block_start"}, {"index", index_}, {"content_block", std::move(block)}});
}

void messages_stream::delta(json value) {
  out_ +=
      sse_event("content_block_delta",
                {{"type", "content_block_delta"}, {"index", index_}, {"delta", std::move(value)}});
}

void messages_stream::append(std::string_view text) {
  if (kind_ == block_kind::tool)
    delta({{"type", "input_json_delta"}, {"partial_json", text}});
  else if (kind_ == block_kind::thinking)
    delta({{"type", "thinking_delta"}, {"thinking", text}});
  else
    delta({{"type", "text_delta"}, {"text", text}});
}

void messages_stream::close(std::string_view signature) {
  if (!signature.empty()) delta({{"type", "signature_delta"}, {"signature", signature}});
  out_ += sse_event("content_block_stop", {{"type", "content_block_stop"}, {"index", index_}});
}

} // namespace echelon::gateway
