#include "gateway/front/block_sequencer.hpp"

#include "gateway/front/wire_text.hpp"

#include <algorithm>

namespace echelon::gateway {

using nlohmann::json;

block_sequencer::block& block_sequencer::last_of(block_kind kind) {
  if (blocks_.empty() || blocks_.back().head.kind != kind)
    blocks_.push_back({.head = {.kind = kind}});
  return blocks_.back();
}

void block_sequencer::take(const json& chunk) {
  if (const auto& usage = member(chunk, "usage"); usage.is_object()) usage_ = usage;
  const auto& choice = first_choice(chunk);
  const auto& delta = member(choice, "delta");
  const auto thought = thought_text(delta);
  if (!thought.empty()) last_of(block_kind::thinking).text += thought;
  take_thinking_blocks(member(delta, "thinking_blocks"), !thought.empty());
  if (const auto text = content_text(member(delta, "content")); !text.empty())
    last_of(block_kind::text).text += text;
  if (const auto text = text_of(delta, "refusal"); !text.empty())
    last_of(block_kind::refusal).text += text;
  if (const auto& calls = member(delta, "tool_calls"); calls.is_array())
    for (const auto& call : calls)
      take_tool_call(call);
  if (auto reason = text_of(choice, "finish_reason"); !reason.empty())
    finish_reason_ = std::move(reason);
  advance(false);
}

void block_sequencer::take_thinking_blocks(const json& blocks, bool text_taken) {
  if (!blocks.is_array()) return;
  for (const auto& value : blocks) {
    if (text_of(value, "type") == "redacted_thinking") {
      blocks_.push_back({.head = {.kind = block_kind::redacted, .data = text_of(value, "data")}});
      continue;
    }
    auto& thought = last_of(block_kind::thinking);
    // The text came as reasoning_content, now or before: then the block only adds its signature.
    if (!text_taken && thought.text.empty()) thought.text = text_of(value, "thinking");
    thought.signature += text_of(value, "signature");
  }
}

void block_sequencer::take_tool_call(const json& call) {
  saw_tool_ = true;
  const auto& function = member(call, "function");
  const auto id = text_of(call, "id");
  const auto index = integer_of(call, "index", id.empty() ? last_tool_ : last_tool_ + 1);
  const auto known = std::find_if(blocks_.begin(), blocks_.end(), [&](const block& x) {
    return x.head.kind == block_kind::tool && x.index == index;
  });
  const bool fresh = known == blocks_.end();
  if (fresh && index <= last_tool_) return; // Its arguments were whole already.
  if (fresh) {
    // As the signature of the thought before it, be that an empty one.
    if (auto signature = sealed_signature(call); !signature.empty()) {
      if (blocks_.empty() || !blocks_.back().signature.empty())
        blocks_.push_back({.head = {.kind = block_kind::thinking}});
      last_of(block_kind::thinking).signature = std::move(signature);
    }
    blocks_.push_back({.head = {.kind = block_kind::tool}, .index = index});
  }
  auto& tool = fresh ? blocks_.back() : *known; // New blocks make `known` invalid.
  last_tool_ = std::max(last_tool_, index);
  if (tool.head.id.empty()) tool.head.id = id;
  if (tool.head.name.empty()) tool.head.name = text_of(function, "name");
  const auto& arguments = member(function, "arguments");
  if (arguments.is_string())
    tool.text += arguments.get_ref<const std::string&>();
  else if (arguments.is_object())
    tool.text += dump(arguments);
}

void block_sequencer::pass_on(block& x) {
  if (!x.open) sink_.open(x.head);
  x.open = true;
  if (x.passed < x.text.size()) sink_.append(std::string_view{x.text}.substr(x.passed));
  x.passed = x.text.size();
}

bool block_sequencer::whole(block& x) {
  if (x.checked != x.text.size()) {
    x.checked = x.text.size();
    x.whole = json::accept(x.text);
  }
  return x.whole;
}

void block_sequencer::advance(bool all) {
  while (!blocks_.empty()) {
    auto& front = blocks_.front();
    const bool tool = front.head.kind == block_kind::tool;
    if (tool && front.head.name.empty() && !all) return;
    pass_on(front);
    const bool complete = blocks_.size() > 1 && (!tool || whole(front));
    if (!complete && !all) return;
    sink_.close(front.signature);
    blocks_.pop_front();
  }
}

void block_sequencer::flush() {
  advance(true);
}

} // namespace echelon::gateway
