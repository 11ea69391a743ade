// A stream between two ends that both speak Anthropic's form: events pass as they came.
#include "providers/anthropic.hpp"
#include "providers/event_decoder.hpp"
#include "providers/json_read.hpp"
#include "providers/wire_error.hpp"

#include <algorithm>
#include <utility>

namespace echelon::providers {
namespace {

using nlohmann::json;

// It becomes the name of an event: nothing that could end its line.
bool plain_word(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || c == '_';
  });
}

class anthropic_relay final : public event_decoder {
public:
  explicit anthropic_relay(std::int64_t created) : created_(created) {}

private:
  void on_event(const json& event, stream_update& out) override {
    const auto type = text_of(event, "type");
    if (type == "ping" || !plain_word(type)) return;
    if (type == "message_start")
      take_usage(member(member(event, "message"), "usage"), out);
    else if (type == "message_delta")
      take_usage(member(event, "usage"), out);
    // Texts and thoughts begin empty; other blocks are content from their start.
    const auto block = text_of(member(event, "content_block"), "type");
    if (type == "content_block_delta"
        || (type == "content_block_start" && block != "text" && block != "thinking"))
      out.content = true;
    out.chunks.push_back({{"native", event}});
    out.finished = type == "message_stop";
  }

  void on_done(stream_update&) override {} // Not Anthropic's; some gateways add it.

  // A whole message in place of a stream: its parts, for the front to write as events.
  void on_body(const json& body, stream_update& out) override {
    auto chunks = chunks_of_message(body, created_);
    if (chunks.empty()) {
      out.failure = invalid_reply("upstream answered without content");
      return;
    }
    for (auto& chunk : chunks)
      emit(std::move(chunk), out);
    take_usage(member(body, "usage"), out);
    out.finished = true;
  }

  void on_close(stream_update& out) override { out.failure = cut_stream(); }

  void take_usage(const json& usage, stream_update& out) {
    if (!usage.is_object()) return;
    usage_.take(usage);
    out.usage = usage_.total();
  }

  std::int64_t created_;
  anthropic_usage usage_;
};

} // namespace

std::unique_ptr<stream_decoder> make_anthropic_relay(std::int64_t created) {
  return std::make_unique<anthropic_relay>(created);
}

} // namespace echelon::providers
