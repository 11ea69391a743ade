#include "providers/anthropic.hpp"
#include "providers/chunks.hpp"
#include "providers/event_decoder.hpp"
#include "providers/json_read.hpp"
#include "providers/wire_error.hpp"

#include <map>
#include <utility>

namespace echelon::providers {
namespace {

using nlohmann::json;

// A block that is not closed yet, by Anthropic's index.
struct open_block {
  std::string type;
  std::int64_t tool = 0; // OpenAI's index: counts tool blocks only.
  std::string input;     // Arguments that came whole with the block's start.
  std::string signature;
  bool has_arguments = false;
};

class anthropic_decoder final : public event_decoder {
public:
  explicit anthropic_decoder(std::int64_t created) : created_(created), writer_(created) {}

private:
  void on_event(const json& event, stream_update& out) override {
    const auto type = text_of(event, "type");
    const auto index = count_of(event, "index").value_or(0);
    if (type == "message_start")
      start(member(event, "message"), out);
    else if (type == "content_block_start")
      open(index, member(event, "content_block"), out);
    else if (type == "content_block_delta")
      take_delta(blocks_[index], member(event, "delta"), out);
    else if (type == "content_block_stop")
      close(index, out);
    else if (type == "message_delta")
      take_end(event, out);
    else if (type == "message_stop")
      stop(out);
    // `ping` and what is not known yet say nothing.
  }

  void on_done(stream_update&) override {} // Not Anthropic's; some gateways add it.

  void on_body(const json& body, stream_update& out) override {
    auto chunks = chunks_of_message(body, created_);
    if (chunks.empty()) {
      out.failure = invalid_reply("upstream answered without content");
      return;
    }
    for (auto& chunk : chunks)
      emit(std::move(chunk), out);
    usage_.take(member(body, "usage"));
    out.usage = usage_.total();
    out.finished = true;
  }

  void on_close(stream_update& out) override { out.failure = cut_stream(); }

  void start(const json& message, stream_update& out) {
    if (started_) return;
    writer_.name(text_of(message, "id"), text_of(message, "model"));
    if (has(message, "usage")) take_usage(member(message, "usage"), out);
    begin(out);
  }

  void begin(stream_update& out) {
    if (std::exchange(started_, true)) return;
    emit(writer_.delta(0, {{"role", "assistant"}, {"content", ""}}), out);
  }

  void say(const char* key, std::string text, stream_update& out) {
    if (text.empty()) return;
    begin(out);
    emit(writer_.delta(0, {{key, std::move(text)}}), out);
  }

  void open(std::int64_t index, const json& value, stream_update& out) {
    begin(out);
    open_block block;
    block.type = text_of(value, "type");
    if (block.type == "tool_use") {
      block.tool = next_tool_++;
      const auto& input = member(value, "input");
      block.input = input.is_object() ? dump(input) : "{}";
      emit(writer_.delta(
               0, {{"tool_calls",
                    json::array(
                        {{{"index", block.tool},
                          {"id", text_of(value, "id")},
                          {"type", "function"},
                          {"function", {{"name", text_of(value, "name")}, {"arguments", ""}}}}})}}),
           out);
    } else if (block.type == "redacted_thinking") {
      emit(writer_.delta(0, {{"thinking_blocks", json::array({value})}}), out);
    } else if (block.type == "text") {
      say("content", text_of(value, "text"), out);
    } else if (block.type == "thinking") {
      say("reasoning_content", text_of(value, "thinking"), out);
      block.signature = text_of(value, "signature");
    }
    blocks_[index] = std::move(block);
  }

  void take_delta(open_block& block, const json& delta, stream_update& out) {
    const auto type = text_of(delta, "type");
    if (type == "text_delta") {
      say("content", text_of(delta, "text"), out);
    } else if (type == "thinking_delta") {
      say("reasoning_content", text_of(delta, "thinking"), out);
    } else if (type == "signature_delta") {
      block.signature += text_of(delta, "signature");
    } else if (type == "input_json_delta" && block.type == "tool_use") {
      add_arguments(block, text_of(delta, "partial_json"), out);
    }
  }

  void add_arguments(open_block& block, std::string text, stream_update& out) {
    if (text.empty()) return;
    block.has_arguments = true;
    emit(writer_.delta(
             0, {{"tool_calls", json::array({{{"index", block.tool},
                                              {"function", {{"arguments", std::move(text)}}}}})}}),
         out);
  }

  void close(std::int64_t index, stream_update& out) {
    const auto it = blocks_.find(index);
    if (it == blocks_.end()) return;
    auto& block = it->second;
    if (block.type == "tool_use" && !block.has_arguments) add_arguments(block, block.input, out);
    if (!block.signature.empty())
      emit(writer_.delta(0, {{"thinking_blocks", json::array({{{"type", "thinking"},
                                                               {"thinking", ""},
                                                               {"signature", block.signature}}})}}),
           out);
    blocks_.erase(it);
  }

  void take_end(const json& event, stream_update& out) {
    if (const auto reason = text_of(member(event, "delta"), "stop_reason"); !reason.empty())
      stop_reason_ = reason;
    if (has(event, "usage")) take_usage(member(event, "usage"), out);
  }

  void take_usage(const json& usage, stream_update& out) {
    usage_.take(usage);
    has_usage_ = true;
    out.usage = usage_.total();
  }

  void stop(stream_update& out) {
    begin(out);
    while (!blocks_.empty())
      close(blocks_.begin()->first, out);
    const auto reason = stop_reason_.empty() && next_tool_ > 0 ? "tool_use" : stop_reason_;
    emit(writer_.finish(0, anthropic_finish(reason)), out);
    if (has_usage_) {
      out.usage = usage_.total();
      emit(writer_.usage(usage_.total()), out);
    }
    out.finished = true;
  }

  std::int64_t created_;
  chunk_writer writer_;
  anthropic_usage usage_;
  std::map<std::int64_t, open_block> blocks_;
  std::string stop_reason_;
  std::int64_t next_tool_ = 0;
  bool started_ = false;
  bool has_usage_ = false;
};

} // namespace

std::unique_ptr<stream_decoder> make_anthropic_decoder(std::int64_t created) {
  return std::make_unique<anthropic_decoder>(created);
}

} // namespace echelon::providers
