#include "gateway/front/anthropic_request.hpp"
#include "gateway/front/wire_text.hpp"

namespace echelon::gateway {

using nlohmann::json;

namespace {

json text_part(std::string text) {
  return {{"type", "text"}, {"text", std::move(text)}};
}

const std::string& text_of_block(const object_reader& block) {
  static_cast<void>(block.required("text"));
  return *block.string("text");
}

std::string data_url(const object_reader& source) {
  return "data:" + source.required_string("media_type") + ";base64,"
         + source.required_string("data");
}

void append_image(const object_reader& block, json& parts, beyond_canonical& beyond) {
  const object_reader source{block.required("source"), block.at("source")};
  const auto& type = source.required_string("type");
  if (type == "base64")
    parts.push_back({{"type", "image_url"}, {"image_url", {{"url", data_url(source)}}}});
  else if (type == "url")
    parts.push_back(
        {{"type", "image_url"}, {"image_url", {{"url", source.required_string("url")}}}});
  else
    beyond.note(source.path("type"), "images are taken as 'base64' or 'url'.");
}

void append_parts(const object_reader& block, json& parts, beyond_canonical& beyond);

// A document as chat completions can hold it; a PDF by URL cannot be said there.
void append_document(const object_reader& block, json& parts, beyond_canonical& beyond) {
  const object_reader source{block.required("source"), block.at("source")};
  const auto& type = source.required_string("type");
  if (type == "text") {
    parts.push_back(text_part(source.required_string("data")));
  } else if (type == "base64") {
    const auto* title = block.string("title");
    parts.push_back({{"type", "file"},
                     {"file",
                      {{"filename", title && !title->empty() ? *title : "document.pdf"},
                       {"file_data", data_url(source)}}}});
  } else if (type == "content") {
    if (source.required("content").is_string()) {
      parts.push_back(text_part(source.required_string("content")));
      return;
    }
    const auto& blocks = *source.array("content");
    for (std::size_t i = 0; i < blocks.size(); ++i)
      append_parts(object_reader{blocks[i], source.at("content", i)}, parts, beyond);
  } else {
    beyond.note(source.path("type"), "documents are taken as 'base64', 'text' or 'content'.");
  }
}

void append_parts(const object_reader& block, json& parts, beyond_canonical& beyond) {
  const auto& type = block.required_string("type");
  if (type == "text")
    parts.push_back(text_part(text_of_block(block)));
  else if (type == "image")
    append_image(block, parts, beyond);
  else if (type == "document")
    append_document(block, parts, beyond);
  else
    beyond.note(block.path("type"), "only Anthropic models take content blocks of this type.");
}

// OpenAI's tool messages hold text only: other parts go to the user message that follows.
void append_tool_result(const object_reader& block, json& out, json& user_parts,
                        beyond_canonical& beyond) {
  std::string text;
  const auto* content = block.find("content");
  if (content && content->is_array()) {
    json parts = json::array();
    for (std::size_t i = 0; i < content->size(); ++i)
      append_parts(object_reader{(*content)[i], block.at("content", i)}, parts, beyond);
    for (auto& part : parts) {
      if (part["type"] != "text") {
        user_parts.push_back(std::move(part));
        continue;
      }
      if (!text.empty()) text += '\n';
      text += part["text"].get_ref<const std::string&>();
    }
  } else if (const auto* plain = block.string("content")) {
    text = *plain;
  }
  if (block.boolean("is_error").value_or(false)) text.insert(0, "Error: ");
  out.push_back({{"role", "tool"},
                 {"tool_call_id", block.required_string("tool_use_id")},
                 {"content", std::move(text)}});
}

// One text is a plain string: the form every OpenAI-like server takes.
json compact(json parts) {
  if (parts.size() == 1 && parts[0]["type"] == "text") return std::move(parts[0]["text"]);
  return parts;
}

void append_user(const object_reader& message, const json& blocks, json& out,
                 beyond_canonical& beyond) {
  json parts = json::array();
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const object_reader block{blocks[i], message.at("content", i)};
    if (block.required_string("type") == "tool_result")
      append_tool_result(block, out, parts, beyond);
    else
      append_parts(block, parts, beyond);
  }
  if (!parts.empty()) out.push_back({{"role", "user"}, {"content", compact(std::move(parts))}});
}

json tool_call(const object_reader& block) {
  const auto* input = block.object("input");
  return {{"id", block.required_string("id")},
          {"type", "function"},
          {"function",
           {{"name", block.required_string("name")},
            {"arguments", input ? dump(*input) : std::string{"{}"}}}}};
}

void append_assistant(const object_reader& message, const json& blocks, json& out,
                      beyond_canonical& beyond) {
  json parts = json::array();
  json calls = json::array();
  json thoughts = json::array();
  std::string reasoning;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const object_reader block{blocks[i], message.at("content", i)};
    const auto& type = block.required_string("type");
    if (type == "tool_use") {
      calls.push_back(tool_call(block));
    } else if (type == "thinking") {
      if (const auto* text = block.string("thinking")) reasoning += *text;
      static_cast<void>(block.string("signature"));
      thoughts.push_back(block.value());
    } else if (type == "redacted_thinking") {
      static_cast<void>(block.required_string("data"));
      thoughts.push_back(block.value());
    } else if (type == "text") {
      parts.push_back(text_part(text_of_block(block)));
    } else {
      beyond.note(block.path("type"), "only Anthropic models take content blocks of this type.");
    }
  }
  json result = {{"role", "assistant"}, {"content", nullptr}};
  if (!parts.empty())
    result["content"] = compact(std::move(parts));
  else if (calls.empty())
    result["content"] = "";
  if (!calls.empty()) result["tool_calls"] = std::move(calls);
  if (!reasoning.empty()) result["reasoning_content"] = std::move(reasoning);
  if (!thoughts.empty()) result["thinking_blocks"] = std::move(thoughts);
  out.push_back(std::move(result));
}

} // namespace

std::string joined_text(const object_reader& owner, const char* key, beyond_canonical& beyond) {
  const auto* value = owner.find(key);
  if (!value) return {};
  if (!value->is_array()) return *owner.string(key);
  std::string text;
  for (std::size_t i = 0; i < value->size(); ++i) {
    const object_reader block{(*value)[i], owner.at(key, i)};
    if (block.required_string("type") != "text") {
      beyond.note(block.path("type"), "only text blocks can be used here.");
      continue;
    }
    if (!text.empty()) text += "\n\n";
    text += text_of_block(block);
  }
  return text;
}

void append_message(const object_reader& message, json& out, beyond_canonical& beyond) {
  static_cast<void>(message.required_string("role"));
  const auto& role = *message.one_of("role", {"user", "assistant", "system"});
  const auto& content = message.required("content");
  if (role == "system") {
    out.push_back({{"role", "system"}, {"content", joined_text(message, "content", beyond)}});
  } else if (!content.is_array()) {
    out.push_back({{"role", role}, {"content", *message.string("content")}});
  } else if (role == "user") {
    if (content.empty())
      throw invalid(message.path("content"),
                    "'" + message.path("content") + "' must not be empty.");
    append_user(message, content, out, beyond);
  } else {
    append_assistant(message, content, out, beyond);
  }
}

} // namespace echelon::gateway
