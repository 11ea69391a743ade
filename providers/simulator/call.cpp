#include "providers/simulator/call.hpp"

#include <algorithm>

namespace echelon::providers {

namespace {

using nlohmann::json;

const json& at(const json& object, std::string_view key) {
  static const json none;
  if (!object.is_object()) return none;
  const auto found = object.find(key);
  return found == object.end() ? none : *found;
}

std::string text_at(const json& object, std::string_view key) {
  const auto& value = at(object, key);
  return value.is_string() ? value.get<std::string>() : std::string{};
}

bool true_at(const json& object, std::string_view key) {
  const auto& value = at(object, key);
  return value.is_boolean() && value.get<bool>();
}

/// All text of a content or a list of parts, also inside tool results.
std::string text_of(const json& content) {
  if (content.is_string()) return content.get<std::string>();
  std::string out;
  if (!content.is_array()) return out;
  for (const auto& part : content) {
    out += text_at(part, "text");
    out += text_of(at(part, "content"));
  }
  return out;
}

/// A value that fits a JSON schema roughly: enough for tools to be called with their own words.
json sample(const json& schema, int depth = 0) {
  const auto& choice = at(schema, "enum");
  if (choice.is_array() && !choice.empty()) return choice.front();
  auto type = text_at(schema, "type");
  std::transform(type.begin(), type.end(), type.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (type == "integer" || type == "number") return 1;
  if (type == "boolean") return true;
  if (type == "array") return json::array();
  if (type == "string") return "simulated";
  auto out = json::object();
  const auto& properties = at(schema, "properties");
  if (!properties.is_object() || depth > 8) return out;
  for (const auto& [name, inner] : properties.items())
    out[name] = sample(inner, depth + 1);
  return out;
}

void choose_tool(simulated_call& call, const std::string& name, const json& schema) {
  call.tool = name;
  call.arguments = sample(schema);
}

void read_openai_chat(const json& body, simulated_call& call) {
  call.include_usage = true_at(at(body, "stream_options"), "include_usage");
  const auto effort = text_at(body, "reasoning_effort");
  call.thinking = !effort.empty() && effort != "none";
  for (const auto& message : at(body, "messages")) {
    const auto text = text_of(at(message, "content"));
    call.prompt_tokens += count_tokens(text);
    if (text_at(message, "role") == "user") call.prompt = text;
  }
  const auto& choice = at(body, "tool_choice");
  const auto wanted = text_at(at(choice, "function"), "name");
  if (wanted.empty() && choice != "required") return;
  for (const auto& tool : at(body, "tools")) {
    const auto& function = at(tool, "function");
    const auto name = text_at(function, "name");
    if (name.empty() || (!wanted.empty() && name != wanted)) continue;
    return choose_tool(call, name, at(function, "parameters"));
  }
}

void read_anthropic(const json& body, simulated_call& call) {
  const auto thinking = text_at(at(body, "thinking"), "type");
  call.thinking = thinking == "enabled" || thinking == "adaptive";
  call.prompt_tokens = count_tokens(text_of(at(body, "system")));
  for (const auto& message : at(body, "messages")) {
    const auto text = text_of(at(message, "content"));
    call.prompt_tokens += count_tokens(text);
    if (text_at(message, "role") == "user") call.prompt = text;
  }
  if (!at(body, "max_tokens").is_number_integer()) call.fault = "max_tokens: Field required";
  const auto& choice = at(body, "tool_choice");
  const auto type = text_at(choice, "type");
  if (type != "any" && type != "tool") return;
  for (const auto& tool : at(body, "tools")) {
    const auto name = text_at(tool, "name");
    if (name.empty() || (type == "tool" && name != text_at(choice, "name"))) continue;
    return choose_tool(call, name, at(tool, "input_schema"));
  }
}

void read_gemini(const json& body, simulated_call& call) {
  call.thinking = true_at(at(at(body, "generationConfig"), "thinkingConfig"), "includeThoughts");
  call.prompt_tokens = count_tokens(text_of(at(at(body, "systemInstruction"), "parts")));
  for (const auto& content : at(body, "contents")) {
    const auto text = text_of(at(content, "parts"));
    call.prompt_tokens += count_tokens(text);
    if (text_at(content, "role") != "model") call.prompt = text;
  }
  const auto& config = at(at(body, "toolConfig"), "functionCallingConfig");
  if (text_at(config, "mode") != "ANY") return;
  const auto& allowed = at(config, "allowedFunctionNames");
  for (const auto& tool : at(body, "tools")) {
    for (const auto& function : at(tool, "functionDeclarations")) {
      const auto name = text_at(function, "name");
      const bool fits = !allowed.is_array() || allowed.empty()
                        || std::find(allowed.begin(), allowed.end(), json(name)) != allowed.end();
      if (name.empty() || !fits) continue;
      const auto& schema = at(function, "parameters");
      return choose_tool(call, name,
                         schema.is_null() ? at(function, "parametersJsonSchema") : schema);
    }
  }
}

void read_openai_embeddings(const json& body, simulated_call& call) {
  const auto& input = at(body, "input");
  const bool one =
      input.is_string() || (input.is_array() && !input.empty() && input.front().is_number());
  if (one) {
    call.inputs.push_back(input.is_string() ? input.get<std::string>() : input.dump());
  } else if (input.is_array() && !input.empty()) {
    for (const auto& each : input)
      call.inputs.push_back(each.is_string() ? each.get<std::string>() : each.dump());
  } else {
    call.fault = "input must be a text or a list";
  }
  call.base64 = text_at(body, "encoding_format") == "base64";
  const auto& dimensions = at(body, "dimensions");
  if (dimensions.is_number_unsigned())
    call.dimensions = std::clamp<std::size_t>(dimensions.get<std::size_t>(), 1, 8192);
  for (const auto& each : call.inputs)
    call.prompt_tokens += count_tokens(each);
}

void read_gemini_embed(const json& body, simulated_call& call) {
  for (const auto& request : at(body, "requests")) {
    call.inputs.push_back(text_of(at(at(request, "content"), "parts")));
    const auto& dimensions = at(request, "outputDimensionality");
    if (dimensions.is_number_unsigned())
      call.dimensions = std::clamp<std::size_t>(dimensions.get<std::size_t>(), 1, 8192);
  }
  if (call.inputs.empty()) call.fault = "requests must not be empty";
}

/// Sets what the path tells: the endpoint and, for Gemini, model and streaming.
void read_path(std::string_view target, std::string_view method, simulated_call& call) {
  const auto path = target.substr(0, target.find('?'));
  if (path.starts_with("/sim/")) {
    call.api = simulated_api::control;
  } else if (path.ends_with("/chat/completions")) {
    call.api = simulated_api::openai_chat;
  } else if (path.ends_with("/embeddings")) {
    call.api = simulated_api::openai_embeddings;
  } else if (path.ends_with("/models") && method == "GET") {
    call.api = simulated_api::openai_models;
  } else if (path.ends_with("/messages")) {
    call.api = simulated_api::anthropic_messages;
  } else if (const auto colon = path.rfind(':'); colon != std::string_view::npos) {
    const auto verb = path.substr(colon + 1);
    if (verb == "batchEmbedContents") call.api = simulated_api::gemini_embed;
    if (verb == "generateContent" || verb == "streamGenerateContent")
      call.api = simulated_api::gemini_generate;
    call.stream = verb == "streamGenerateContent";
    const auto slash = path.rfind('/', colon);
    call.model = path.substr(slash + 1, colon - slash - 1);
  }
}

} // namespace

std::int64_t count_tokens(std::string_view text) {
  return static_cast<std::int64_t>((text.size() + 3) / 4);
}

simulated_call read_call(const http_request& request) {
  simulated_call call;
  read_path(request.target, request.method, call);
  using enum simulated_api;
  if (call.api == unknown || call.api == control || call.api == openai_models) return call;
  const auto body = json::parse(request.body, nullptr, false);
  if (!body.is_object()) {
    call.fault = "the body is not a JSON object";
    return call;
  }
  const bool gemini = call.api == gemini_generate || call.api == gemini_embed;
  if (!gemini) {
    call.model = text_at(body, "model");
    call.stream = true_at(body, "stream") && call.api != openai_embeddings;
  }
  const bool chat = call.api == openai_chat || call.api == anthropic_messages;
  if (call.api == openai_chat) read_openai_chat(body, call);
  if (call.api == anthropic_messages) read_anthropic(body, call);
  if (call.api == openai_embeddings) read_openai_embeddings(body, call);
  if (call.api == gemini_generate) read_gemini(body, call);
  if (call.api == gemini_embed) read_gemini_embed(body, call);
  if (call.model.empty()) call.fault = "you must provide a model";
  if (chat && !at(body, "messages").is_array()) call.fault = "messages must be a list";
  if (call.api == gemini_generate && !at(body, "contents").is_array())
    call.fault = "contents must be a list";
  return call;
}

} // namespace echelon::providers
