#include "gateway/front/responses_request.hpp"
#include "gateway/front/wire_text.hpp"

namespace echelon::gateway {

using nlohmann::json;

namespace {

json image_part(const object_reader& part) {
  if (part.find("file_id"))
    throw unsupported(part.path("file_id"), "files are not stored here; send 'image_url'.");
  json image = {{"url", part.required_string("image_url")}};
  if (const auto* detail = part.string("detail")) image["detail"] = *detail;
  return {{"type", "image_url"}, {"image_url", std::move(image)}};
}

json file_part(const object_reader& part) {
  if (part.find("file_url"))
    throw unsupported(part.path("file_url"), "files are taken as 'file_data'.");
  json file = json::object();
  for (const auto* key : {"file_data", "file_id", "filename"})
    if (const auto* text = part.string(key)) file[key] = *text;
  return {{"type", "file"}, {"file", std::move(file)}};
}

json chat_part(const object_reader& part) {
  const auto& type = part.required_string("type");
  if (type == "input_text" || type == "output_text" || type == "text") {
    static_cast<void>(part.required("text"));
    return {{"type", "text"}, {"text", *part.string("text")}};
  }
  if (type == "refusal") return {{"type", "refusal"}, {"refusal", part.required_string("refusal")}};
  if (type == "input_image") return image_part(part);
  if (type == "input_file") return file_part(part);
  if (type == "input_audio") {
    static_cast<void>(part.required("input_audio"));
    return {{"type", "input_audio"}, {"input_audio", *part.object("input_audio")}};
  }
  throw unsupported(part.path("type"), "content parts of this type cannot be used here.");
}

// One text is a plain string: the form every OpenAI-like server takes.
json content_of(const object_reader& item, const char* key) {
  const auto& content = item.required(key);
  if (!content.is_array()) return *item.string(key);
  json parts = json::array();
  for (std::size_t i = 0; i < content.size(); ++i)
    parts.push_back(chat_part(object_reader{content[i], item.at(key, i)}));
  if (parts.empty()) return "";
  if (parts.size() == 1 && parts[0]["type"] == "text") return std::move(parts[0]["text"]);
  return parts;
}

// A tool message holds text only.
std::string output_text(const object_reader& item) {
  const auto content = content_of(item, "output");
  if (content.is_array())
    for (std::size_t i = 0; i < content.size(); ++i)
      if (content[i]["type"] != "text")
        throw unsupported(item.path("output", i), "a function's output is taken as text only.");
  return content_text(content);
}

void append_call(const object_reader& item, json& out) {
  static_cast<void>(item.required("arguments"));
  json call = {
      {"id", item.required_string("call_id")},
      {"type", "function"},
      {"function",
       {{"name", item.required_string("name")}, {"arguments", *item.string("arguments")}}}};
  // Calls of one turn, and the text before them, are one assistant message.
  if (out.empty() || out.back()["role"] != "assistant")
    out.push_back({{"role", "assistant"}, {"content", nullptr}});
  out.back()["tool_calls"].push_back(std::move(call));
}

// An assistant's turn that has come to thoughts only, so far.
bool only_thoughts(const json& out) {
  return !out.empty() && out.back()["role"] == "assistant" && out.back()["content"].is_null()
         && !out.back().contains("tool_calls");
}

// A thought goes to the turn that it led to, if it is signed: its provider wants it back.
void append_thought(const object_reader& item, json& out) {
  const auto* signature = item.string("encrypted_content");
  if (!signature || signature->empty()) return;
  std::string text;
  if (const auto* parts = item.array("content"))
    for (std::size_t i = 0; i < parts->size(); ++i)
      if (const auto* piece = object_reader{(*parts)[i], item.at("content", i)}.string("text"))
        text += *piece;
  if (out.empty() || out.back()["role"] != "assistant")
    out.push_back({{"role", "assistant"}, {"content", nullptr}});
  if (!text.empty()) out.back()["reasoning_content"] = thought_text(out.back()) + text;
  out.back()["thinking_blocks"].push_back(
      {{"type", "thinking"}, {"thinking", text}, {"signature", *signature}});
}

void append_item(const object_reader& item, json& out) {
  const auto* kind = item.string("type");
  const std::string type = kind ? *kind : "message";
  if (type == "reasoning") return append_thought(item, out);
  if (type == "message") {
    static_cast<void>(item.required_string("role"));
    const auto& role = *item.one_of("role", {"user", "assistant", "system", "developer"});
    auto content = content_of(item, "content");
    if (role == "assistant" && only_thoughts(out)) {
      out.back()["content"] = std::move(content);
      return;
    }
    if (only_thoughts(out)) out.erase(out.size() - 1);
    out.push_back({{"role", role}, {"content", std::move(content)}});
  } else if (type == "function_call") {
    append_call(item, out);
  } else if (type == "function_call_output") {
    out.push_back({{"role", "tool"},
                   {"tool_call_id", item.required_string("call_id")},
                   {"content", output_text(item)}});
  } else {
    throw unsupported(item.path("type"), "input items of this type cannot be used here.");
  }
}

} // namespace

void append_input(const object_reader& body, json& out) {
  const auto& input = body.required("input");
  if (!input.is_array()) {
    out.push_back({{"role", "user"}, {"content", *body.string("input")}});
    return;
  }
  if (input.empty()) throw invalid("input", "'input' must not be empty.");
  for (std::size_t i = 0; i < input.size(); ++i)
    append_item(object_reader{input[i], body.at("input", i)}, out);
  if (only_thoughts(out)) out.erase(out.size() - 1);
}

} // namespace echelon::gateway
