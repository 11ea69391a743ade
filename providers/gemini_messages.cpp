#include "providers/gemini.hpp"
#include "providers/json_read.hpp"
#include "providers/request_parts.hpp"
#include "providers/sealed_signature.hpp"
#include "providers/text.hpp"
#include "providers/wire_error.hpp"

#include <map>

namespace echelon::providers {

using nlohmann::json;

namespace {

void add_text(json& parts, std::string text) {
  if (!text.empty()) parts.push_back({{"text", std::move(text)}});
}

json inline_data(std::string_view url, const std::string& path) {
  const auto inlined = parse_data_url(url);
  if (!inlined)
    throw no_form_for(path, "Gemini models take images and files as base64 data URLs only.");
  return {{"inlineData", {{"mimeType", inlined->mime}, {"data", std::string{inlined->data}}}}};
}

void add_part(json& parts, const json& part, const std::string& path) {
  const auto type = text_of(part, "type");
  if (type == "text") {
    add_text(parts, text_of(part, "text"));
  } else if (type == "refusal") {
    add_text(parts, text_of(part, "refusal"));
  } else if (type == "image_url") {
    const auto& image = member(part, "image_url");
    parts.push_back(inline_data(
        image.is_string() ? image.get<std::string>() : text_of(image, "url"), path + ".image_url"));
  } else if (type == "input_audio") {
    const auto& audio = member(part, "input_audio");
    parts.push_back(
        {{"inlineData",
          {{"mimeType", "audio/" + text_of(audio, "format")}, {"data", text_of(audio, "data")}}}});
  } else if (type == "file") {
    parts.push_back(inline_data(text_of(member(part, "file"), "file_data"), path + ".file"));
  } else {
    throw no_form_for(path, "Gemini models take no content of type '"
                                + std::string{cut_utf8(type, 40)} + "'.");
  }
}

json content_parts(const json& content, const std::string& path) {
  json parts = json::array();
  if (content.is_string()) {
    add_text(parts, content.get<std::string>());
  } else if (content.is_array()) {
    for (std::size_t i = 0; i < content.size(); ++i)
      add_part(parts, content[i], path_of(path, i));
  } else if (!content.is_null()) {
    throw wrong_field(path, "'" + path + "' must be a string or a list.");
  }
  return parts;
}

void add_turn(json& contents, const char* role, json parts) {
  if (parts.empty()) return;
  if (contents.empty() || contents.back()["role"] != role)
    contents.push_back({{"role", role}, {"parts", json::array()}});
  for (auto& part : parts)
    contents.back()["parts"].push_back(std::move(part));
}

// In place of a signature where a call has none, as it was another model's: Google's own word for
// that (ai.google.dev, Thought signatures, FAQ; 2026-08).
constexpr const char* no_signature = "skip_thought_signature_validator";

/// Signatures that came back with thoughts, by the id of their call.
std::map<std::string, std::string> sealed_signatures(const json& message) {
  std::map<std::string, std::string> found;
  const auto& thoughts = member(message, "thinking_blocks");
  if (!thoughts.is_array()) return found;
  for (const auto& thought : thoughts)
    if (auto call = unseal(text_of(thought, "signature")))
      found.emplace(std::move(call->id), std::move(call->signature));
  return found;
}

class turn_writer {
public:
  explicit turn_writer(bool signed_calls) : signed_calls_(signed_calls) {}

  void add(const json& message, const std::string& path) {
    const auto role = text_of(message, "role");
    const auto& content = member(message, "content");
    if (role != "tool") add_results();
    if (role == "system" || role == "developer") {
      for (auto& part : content_parts(content, path + ".content"))
        system_.push_back(std::move(part));
    } else if (role == "user") {
      auto parts = content_parts(content, path + ".content");
      if (parts.empty())
        throw wrong_field(path + ".content", "'" + path + ".content' must not be empty.");
      add_turn(contents_, "user", std::move(parts));
    } else if (role == "assistant") {
      auto parts = content_parts(content, path + ".content");
      add_calls(message, path, parts);
      add_turn(contents_, "model", std::move(parts));
    } else if (role == "tool") {
      const auto& call = call_of(message, path);
      results_.emplace(call.position, result(call.name, message, path));
    } else {
      throw no_form_for(path + ".role",
                        "Gemini models know no role '" + std::string{cut_utf8(role, 40)} + "'.");
    }
  }

  gemini_turns take() {
    add_results();
    if (contents_.empty())
      throw wrong_field("messages", "'messages' must hold more than instructions.");
    gemini_turns turns;
    if (!system_.empty()) turns.system = {{"parts", std::move(system_)}};
    turns.contents = std::move(contents_);
    return turns;
  }

private:
  struct known_call {
    std::size_t position = 0; // Among all calls of the conversation.
    std::string name;
  };

  void add_calls(const json& message, const std::string& path, json& parts) {
    const auto& calls = member(message, "tool_calls");
    if (!calls.is_array()) return;
    const auto sealed = sealed_signatures(message);
    for (std::size_t i = 0; i < calls.size(); ++i) {
      const auto name = text_of(member(calls[i], "function"), "name");
      calls_[text_of(calls[i], "id")] = {calls_.size(), name};
      json part{{"functionCall",
                 {{"name", name},
                  {"args", arguments_object(calls[i], path_of(path + ".tool_calls", i))}}}};
      const auto& google = member(member(calls[i], "extra_content"), "google");
      auto signature = text_of(google, "thought_signature");
      if (const auto known = sealed.find(text_of(calls[i], "id"));
          signature.empty() && known != sealed.end())
        signature = known->second;
      // Of parallel calls the first one is signed.
      if (signature.empty() && signed_calls_ && i == 0) signature = no_signature;
      if (!signature.empty()) part["thoughtSignature"] = signature;
      parts.push_back(std::move(part));
    }
  }

  const known_call& call_of(const json& message, const std::string& path) const {
    const auto call = calls_.find(text_of(message, "tool_call_id"));
    if (call == calls_.end())
      throw wrong_field(path + ".tool_call_id",
                        "'" + path + ".tool_call_id' names no tool call of an earlier message.");
    return call->second;
  }

  // Gemini knows calls by their function's name and their order alone: results take that order.
  void add_results() {
    for (auto& [position, parts] : results_)
      add_turn(contents_, "user", std::move(parts));
    results_.clear();
  }

  static json result(const std::string& name, const json& message, const std::string& path) {
    std::string text;
    json others = json::array();
    for (auto& part : content_parts(member(message, "content"), path + ".content")) {
      if (part.contains("text"))
        text += part["text"].get_ref<const std::string&>();
      else
        others.push_back(std::move(part));
    }
    auto response = parse_json(text);
    if (!response.is_object()) response = {{"result", std::move(text)}};
    json parts =
        json::array({{{"functionResponse", {{"name", name}, {"response", std::move(response)}}}}});
    for (auto& part : others)
      parts.push_back(std::move(part));
    return parts;
  }

  bool signed_calls_;
  json system_ = json::array();
  json contents_ = json::array();
  std::map<std::string, known_call> calls_;  // By id.
  std::multimap<std::size_t, json> results_; // Of the turn before, by the call's position.
};

} // namespace

gemini_turns gemini_turns_of(const json& messages, bool signed_calls) {
  if (!messages.is_array() || messages.empty())
    throw wrong_field("messages", "'messages' must be a list that is not empty.");
  turn_writer writer{signed_calls};
  for (std::size_t i = 0; i < messages.size(); ++i)
    writer.add(messages[i], path_of("messages", i));
  return writer.take();
}

} // namespace echelon::providers
