#include "providers/anthropic.hpp"
#include "providers/json_read.hpp"
#include "providers/request_parts.hpp"
#include "providers/sealed_signature.hpp"
#include "providers/text.hpp"
#include "providers/wire_error.hpp"

#include <algorithm>

namespace echelon::providers {

using nlohmann::json;

namespace {

bool blank(std::string_view text) {
  return trim(text).empty();
}

// Anthropic refuses text blocks without text.
void add_text(json& blocks, const std::string& text, const json& part = {}) {
  if (blank(text)) return;
  json block{{"type", "text"}, {"text", text}};
  if (has(part, "cache_control")) block["cache_control"] = part["cache_control"];
  blocks.push_back(std::move(block));
}

json image_block(const json& part, const std::string& path) {
  const auto& image = member(part, "image_url");
  const auto url = image.is_string() ? image.get<std::string>() : text_of(image, "url");
  if (const auto inlined = parse_data_url(url))
    return {{"type", "image"},
            {"source",
             {{"type", "base64"},
              {"media_type", inlined->mime},
              {"data", std::string{inlined->data}}}}};
  if (!url.starts_with("http://") && !url.starts_with("https://"))
    throw wrong_field(path + ".image_url", "'" + path + ".image_url' must be an http or data URL.");
  return {{"type", "image"}, {"source", {{"type", "url"}, {"url", url}}}};
}

json document_block(const json& part, const std::string& path) {
  const auto& file = member(part, "file");
  const auto data = text_of(file, "file_data");
  const auto inlined = parse_data_url(data);
  if (!inlined)
    throw no_form_for(path + ".file", "Anthropic models take files as base64 data URLs only.");
  json block{
      {"type", "document"},
      {"source",
       {{"type", "base64"}, {"media_type", inlined->mime}, {"data", std::string{inlined->data}}}}};
  if (const auto name = text_of(file, "filename"); !name.empty()) block["title"] = name;
  return block;
}

void add_part(json& blocks, const json& part, const std::string& path) {
  const auto type = text_of(part, "type");
  if (type == "text")
    add_text(blocks, text_of(part, "text"), part);
  else if (type == "refusal")
    add_text(blocks, text_of(part, "refusal"));
  else if (type == "image_url")
    blocks.push_back(image_block(part, path));
  else if (type == "file")
    blocks.push_back(document_block(part, path));
  else
    throw no_form_for(path, "Anthropic models take no content of type '"
                                + std::string{cut_utf8(type, 40)} + "'.");
}

json content_blocks(const json& content, const std::string& path) {
  json blocks = json::array();
  if (content.is_string()) {
    add_text(blocks, content.get<std::string>());
  } else if (content.is_array()) {
    for (std::size_t i = 0; i < content.size(); ++i)
      add_part(blocks, content[i], path_of(path, i));
  } else if (!content.is_null()) {
    throw wrong_field(path, "'" + path + "' must be a string or a list.");
  }
  return blocks;
}

// Blocks that came from Anthropic go back unchanged; thoughts of other providers have no signature.
void add_thoughts(json& blocks, const json& message) {
  const auto& thoughts = member(message, "thinking_blocks");
  if (!thoughts.is_array()) return;
  for (const auto& thought : thoughts)
    if (own_thought(thought)) blocks.push_back(thought);
}

json assistant_blocks(const json& message, const std::string& path, bool thoughts) {
  json blocks = json::array();
  if (thoughts) add_thoughts(blocks, message);
  for (auto& block : content_blocks(member(message, "content"), path + ".content"))
    blocks.push_back(std::move(block));
  add_text(blocks, text_of(message, "refusal"));
  const auto& calls = member(message, "tool_calls");
  if (!calls.is_array()) return blocks;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const auto call_path = path_of(path + ".tool_calls", i);
    blocks.push_back({{"type", "tool_use"},
                      {"id", text_of(calls[i], "id")},
                      {"name", text_of(member(calls[i], "function"), "name")},
                      {"input", arguments_object(calls[i], call_path)}});
  }
  return blocks;
}

json tool_result(const json& message, const std::string& path) {
  const auto id = text_of(message, "tool_call_id");
  if (id.empty())
    throw wrong_field(path + ".tool_call_id", "'" + path + ".tool_call_id' is missing.");
  json block{{"type", "tool_result"}, {"tool_use_id", id}};
  auto content = content_blocks(member(message, "content"), path + ".content");
  if (content.size() == 1 && content[0]["type"] == "text")
    block["content"] = content[0]["text"];
  else if (!content.empty())
    block["content"] = std::move(content);
  return json::array({std::move(block)});
}

void add_turn(json& messages, const char* role, json blocks) {
  if (blocks.empty()) return;
  if (messages.empty() || messages.back()["role"] != role)
    messages.push_back({{"role", role}, {"content", json::array()}});
  auto& content = messages.back()["content"];
  for (auto& block : blocks)
    content.push_back(std::move(block));
}

// Results lead their message, whatever was said between the call and them.
void results_first(json& messages) {
  for (auto& message : messages) {
    auto& content = message["content"].get_ref<json::array_t&>();
    std::stable_partition(content.begin(), content.end(),
                          [](const json& block) { return block["type"] == "tool_result"; });
  }
}

// Anthropic refuses a last assistant turn that ends in blanks.
void trim_prefill(json& messages) {
  if (messages.back()["role"] != "assistant") return;
  auto& block = messages.back()["content"].back();
  if (block["type"] != "text") return;
  auto& text = block["text"].get_ref<std::string&>();
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
}

json system_of(const json& blocks) {
  if (blocks.empty()) return nullptr;
  const bool cached = std::any_of(blocks.begin(), blocks.end(), [](const json& block) {
    return block.contains("cache_control");
  });
  if (cached) return blocks;
  std::string text;
  for (const auto& block : blocks)
    text += (text.empty() ? "" : "\n\n") + text_of(block, "text");
  return text;
}

} // namespace

anthropic_turns anthropic_turns_of(const json& messages, bool thoughts) {
  if (!messages.is_array() || messages.empty())
    throw wrong_field("messages", "'messages' must be a list that is not empty.");
  json system = json::array();
  anthropic_turns turns;
  turns.messages = json::array();
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const auto& message = messages[i];
    const auto path = path_of("messages", i);
    const auto role = text_of(message, "role");
    if (role == "system" || role == "developer") {
      for (auto& block : content_blocks(member(message, "content"), path + ".content"))
        system.push_back(std::move(block));
    } else if (role == "user") {
      auto blocks = content_blocks(member(message, "content"), path + ".content");
      if (blocks.empty())
        throw wrong_field(path + ".content", "'" + path + ".content' must not be empty.");
      add_turn(turns.messages, "user", std::move(blocks));
    } else if (role == "assistant") {
      add_turn(turns.messages, "assistant", assistant_blocks(message, path, thoughts));
    } else if (role == "tool") {
      add_turn(turns.messages, "user", tool_result(message, path));
    } else {
      throw no_form_for(path + ".role",
                        "Anthropic models know no role '" + std::string{cut_utf8(role, 40)} + "'.");
    }
  }
  if (turns.messages.empty())
    throw wrong_field("messages", "'messages' must hold more than instructions.");
  results_first(turns.messages);
  trim_prefill(turns.messages);
  turns.system = system_of(system);
  return turns;
}

bool own_thought(const json& block) {
  if (text_of(block, "type") == "redacted_thinking") return true;
  const auto signature = text_of(block, "signature");
  return !signature.empty() && !unseal(signature);
}

bool thoughtless_tool_loop(const json& messages) {
  if (!messages.is_array()) return false;
  for (auto it = messages.rbegin(); it != messages.rend(); ++it) {
    const auto role = text_of(*it, "role");
    if (role == "tool") continue;
    if (role != "assistant" || it == messages.rbegin()) return false;
    json blocks = json::array();
    add_thoughts(blocks, *it);
    return blocks.empty();
  }
  return false;
}

} // namespace echelon::providers
