#include "providers/chunks.hpp"
#include "providers/event_decoder.hpp"
#include "providers/json_read.hpp"
#include "providers/openai.hpp"
#include "providers/wire_error.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace echelon::providers {
namespace {

using nlohmann::json;

// Gives the calls of one choice their index: servers leave it out, or send 0 for each.
class call_numbering {
public:
  void apply(json& calls) {
    for (auto& call : calls)
      if (call.is_object()) call["index"] = number(call);
  }

private:
  std::int64_t number(const json& call) {
    const auto id = text_of(call, "id");
    const auto given = count_of(call, "index");
    if (!id.empty()) {
      const auto known = std::find(ids_.begin(), ids_.end(), id);
      if (known == ids_.end()) return start(id, given);
      return current_ = known - ids_.begin();
    }
    if (given) {
      const auto known = by_given_.find(*given);
      return known == by_given_.end() ? start(id, given) : current_ = known->second;
    }
    const bool named = !text_of(member(call, "function"), "name").empty();
    return ids_.empty() || named ? start(id, given) : current_;
  }

  std::int64_t start(const std::string& id, std::optional<std::int64_t> given) {
    current_ = static_cast<std::int64_t>(ids_.size());
    ids_.push_back(id);
    if (given) by_given_[*given] = current_;
    return current_;
  }

  std::vector<std::string> ids_;                  // By our index; may be empty texts.
  std::map<std::int64_t, std::int64_t> by_given_; // The server's index to the last of ours.
  std::int64_t current_ = 0;
};

class openai_decoder final : public event_decoder {
public:
  explicit openai_decoder(std::int64_t created) : created_(created) {}

private:
  void on_event(const json& event, stream_update& out) override {
    const auto usage = usage_of(member(event, "usage"));
    if (usage) usage_ = out.usage = usage;
    const auto& choices = member(event, "choices");
    if (!event.is_object() || (choices.is_array() && choices.empty() && !usage)) return;
    auto chunk = event;
    complete(chunk);
    if (!choices.is_array() || choices.empty()) {
      if (!usage) return; // A filter's result or the like: no client misses it.
      chunk["choices"] = json::array();
      usage_sent_ = true;
      emit(std::move(chunk), out);
      return;
    }
    if (usage) raw_usage_ = member(event, "usage");
    chunk.erase("usage"); // Goes out once, in a chunk of its own.
    std::int64_t position = 0;
    for (auto& choice : chunk["choices"])
      if (choice.is_object()) normalise(choice, position++);
    emit(std::move(chunk), out);
  }

  void on_done(stream_update& out) override {
    if (frame_.is_null())
      out.failure = invalid_reply("upstream sent a stream without an answer");
    else
      end(out);
  }

  void on_body(const json& body, stream_update& out) override {
    auto chunks = chunks_of(body, created_);
    if (chunks.empty()) {
      out.failure = invalid_reply("upstream answered without a usable choice");
      return;
    }
    complete(chunks.front());
    for (auto& chunk : chunks)
      emit(std::move(chunk), out);
    raw_usage_ = member(body, "usage");
    if (const auto usage = usage_of(raw_usage_)) usage_ = out.usage = usage;
    end(out);
  }

  void on_close(stream_update& out) override {
    if (finish_seen_)
      end(out);
    else
      out.failure = cut_stream();
  }

  void end(stream_update& out) {
    if (usage_ && !usage_sent_) {
      auto chunk = frame_;
      chunk["choices"] = json::array();
      chunk["usage"] = raw_usage_.is_object() ? raw_usage_ : usage_object(*usage_);
      emit(std::move(chunk), out);
    }
    out.finished = true;
  }

  // What every chunk of an answer has in common, from the first one where this one lacks it.
  void complete(json& chunk) {
    chunk.erase("obfuscation");
    chunk["object"] = "chat.completion.chunk";
    if (frame_.is_null()) {
      frame_ = {{"object", "chat.completion.chunk"}};
      const auto id = text_of(chunk, "id");
      frame_["id"] = id.empty() ? make_id("chatcmpl-") : id;
      frame_["created"] = count_of(chunk, "created").value_or(created_);
      frame_["model"] = text_of(chunk, "model");
    }
    for (const auto* key : {"id", "created", "model"})
      if (!has(chunk, key) || chunk[key] == "") chunk[key] = frame_[key];
  }

  void normalise(json& choice, std::int64_t position) {
    const auto index = count_of(choice, "index").value_or(position);
    choice["index"] = index;
    if (!member(choice, "delta").is_object()) choice["delta"] = json::object();
    if (!choice.contains("finish_reason") || choice["finish_reason"] == "")
      choice["finish_reason"] = nullptr;
    if (!choice["finish_reason"].is_null()) finish_seen_ = true;
    auto& delta = choice["delta"];
    if (const auto calls = delta.find("tool_calls"); calls != delta.end() && calls->is_array())
      calls_[index].apply(*calls);
  }

  std::int64_t created_;
  json frame_;
  json raw_usage_;
  std::optional<token_usage> usage_;
  std::map<std::int64_t, call_numbering> calls_;
  bool usage_sent_ = false;
  bool finish_seen_ = false;
};

} // namespace

std::unique_ptr<stream_decoder> make_openai_decoder(std::int64_t created) {
  return std::make_unique<openai_decoder>(created);
}

} // namespace echelon::providers
