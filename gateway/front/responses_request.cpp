#include "gateway/front/responses_request.hpp"

namespace echelon::gateway {

using nlohmann::json;

namespace {

void refuse_state(const object_reader& body) {
  for (const auto* key : {"previous_response_id", "conversation", "prompt"})
    if (body.find(key))
      throw unsupported(key, "nothing is stored here; send the whole conversation in 'input'.");
  if (body.boolean("background").value_or(false))
    throw unsupported("background", "answers are given at once or as a stream.");
}

void add_tools(const object_reader& body, json& out) {
  const auto* tools = body.array("tools");
  if (!tools || tools->empty()) return;
  json result = json::array();
  for (std::size_t i = 0; i < tools->size(); ++i) {
    const object_reader tool{(*tools)[i], body.at("tools", i)};
    if (tool.required_string("type") != "function")
      throw unsupported(tool.path("type"), "only tools of type 'function' are available.");
    json function = {{"name", tool.required_string("name")}};
    if (const auto* text = tool.string("description")) function["description"] = *text;
    if (const auto* schema = tool.object("parameters")) function["parameters"] = *schema;
    if (const auto strict = tool.boolean("strict")) function["strict"] = *strict;
    result.push_back({{"type", "function"}, {"function", std::move(function)}});
  }
  out["tools"] = std::move(result);
}

json named_function(const object_reader& choice) {
  return {{"type", "function"}, {"function", {{"name", choice.required_string("name")}}}};
}

json allowed_tools(const object_reader& choice) {
  static_cast<void>(choice.required("tools"));
  const auto& tools = *choice.array("tools");
  json list = json::array();
  for (std::size_t i = 0; i < tools.size(); ++i)
    list.push_back(named_function(object_reader{tools[i], choice.at("tools", i)}));
  return {{"type", "allowed_tools"},
          {"allowed_tools", {{"mode", choice.required_string("mode")}, {"tools", list}}}};
}

json tool_choice_of(const object_reader& body, const json& value) {
  if (value.is_string()) return *body.one_of("tool_choice", {"none", "auto", "required"});
  const object_reader choice{value, body.at("tool_choice")};
  const auto& type = choice.required_string("type");
  if (type == "function") return named_function(choice);
  if (type == "allowed_tools") return allowed_tools(choice);
  throw unsupported(choice.path("type"), "only functions can be chosen.");
}

void add_text(const object_reader& body, json& out) {
  const auto* value = body.object("text");
  if (!value) return;
  const object_reader text{*value, body.at("text")};
  if (const auto* verbosity = text.string("verbosity")) out["verbosity"] = *verbosity;
  const auto* member = text.object("format");
  if (!member) return;
  const object_reader format{*member, text.at("format")};
  static_cast<void>(format.required_string("type"));
  const auto& type = *format.one_of("type", {"text", "json_object", "json_schema"});
  if (type == "json_object") out["response_format"] = {{"type", type}};
  if (type != "json_schema") return;
  static_cast<void>(format.required("schema"));
  json schema = {{"name", format.required_string("name")}, {"schema", *format.object("schema")}};
  if (const auto* description = format.string("description")) schema["description"] = *description;
  if (const auto strict = format.boolean("strict")) schema["strict"] = *strict;
  out["response_format"] = {{"type", type}, {"json_schema", std::move(schema)}};
}

void add_sampling(const object_reader& body, json& out) {
  for (const auto* key : {"temperature", "top_p"})
    if (body.number(key)) out[key] = *body.find(key);
  for (const auto* key : {"user", "service_tier", "safety_identifier", "prompt_cache_key"})
    if (const auto* text = body.string(key)) out[key] = *text;
  if (const auto limit = body.integer("max_output_tokens", 1))
    out["max_completion_tokens"] = *limit;
  if (const auto* value = body.object("reasoning"))
    if (const auto* effort = object_reader{*value, "reasoning"}.string("effort"))
      out["reasoning_effort"] = *effort;
}

} // namespace

json chat_from_responses(const json& value) {
  const object_reader body{value, {}};
  json out = {{"model", body.required_string("model")}};
  refuse_state(body);
  json messages = json::array();
  if (const auto* text = body.string("instructions"); text && !text->empty())
    messages.push_back({{"role", "system"}, {"content", *text}});
  append_input(body, messages);
  if (messages.empty()) throw invalid("input", "'input' holds no message.");
  out["messages"] = std::move(messages);
  add_sampling(body, out);
  add_tools(body, out);
  // OpenAI refuses both fields without tools.
  if (const auto* choice = body.find("tool_choice")) {
    auto chosen = tool_choice_of(body, *choice);
    if (out.contains("tools")) out["tool_choice"] = std::move(chosen);
  }
  if (const auto parallel = body.boolean("parallel_tool_calls"); parallel && out.contains("tools"))
    out["parallel_tool_calls"] = *parallel;
  add_text(body, out);
  static_cast<void>(body.object("metadata"));
  if (body.boolean("stream").value_or(false)) {
    out["stream"] = true;
    out["stream_options"] = {{"include_usage", true}};
  }
  return out;
}

} // namespace echelon::gateway
