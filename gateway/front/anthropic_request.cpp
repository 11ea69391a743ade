#include "gateway/front/anthropic_request.hpp"

namespace echelon::gateway {

using nlohmann::json;

namespace {

void add_tools(const object_reader& body, json& out, beyond_canonical& beyond) {
  const auto* tools = body.array("tools");
  if (!tools || tools->empty()) return;
  json result = json::array();
  for (std::size_t i = 0; i < tools->size(); ++i) {
    const object_reader tool{(*tools)[i], body.at("tools", i)};
    if (const auto* type = tool.string("type"); type && *type != "custom") {
      beyond.note(tool.path("type"), "only Anthropic models have server tools.");
      continue;
    }
    json function = {{"name", tool.required_string("name")}};
    if (const auto* text = tool.string("description")) function["description"] = *text;
    static_cast<void>(tool.required("input_schema"));
    function["parameters"] = *tool.object("input_schema");
    if (const auto strict = tool.boolean("strict")) function["strict"] = *strict;
    result.push_back({{"type", "function"}, {"function", std::move(function)}});
  }
  if (!result.empty()) out["tools"] = std::move(result);
}

// OpenAI refuses a tool_choice without tools.
void add_tool_choice(const object_reader& body, json& out) {
  const auto* value = body.object("tool_choice");
  if (!value) return;
  const object_reader choice{*value, body.at("tool_choice")};
  static_cast<void>(choice.required_string("type"));
  const auto& type = *choice.one_of("type", {"auto", "any", "tool", "none"});
  json result = type;
  if (type == "any") result = "required";
  if (type == "tool")
    result = {{"type", "function"}, {"function", {{"name", choice.required_string("name")}}}};
  const bool single = choice.boolean("disable_parallel_tool_use").value_or(false);
  if (!out.contains("tools")) return;
  out["tool_choice"] = std::move(result);
  if (single) out["parallel_tool_calls"] = false;
}

void add_sampling(const object_reader& body, json& out) {
  static_cast<void>(body.required("max_tokens"));
  out["max_tokens"] = *body.integer("max_tokens", 1);
  for (const auto* key : {"temperature", "top_p"})
    if (body.number(key)) out[key] = *body.find(key);
  // -1 is how some clients say that they want no limit.
  if (const auto top_k = body.integer("top_k", -1); top_k && *top_k >= 0) out["top_k"] = *top_k;
  if (const auto* stops = body.array("stop_sequences"); stops && !stops->empty()) {
    for (std::size_t i = 0; i < stops->size(); ++i)
      if (!(*stops)[i].is_string())
        throw invalid(body.path("stop_sequences", i),
                      "'" + body.path("stop_sequences", i) + "' must be a string.");
    out["stop"] = *stops;
  }
}

void add_thinking(const object_reader& body, json& out) {
  const auto* value = body.object("thinking");
  if (!value) return;
  const object_reader thinking{*value, body.at("thinking")};
  static_cast<void>(thinking.required_string("type"));
  const auto& type = *thinking.one_of("type", {"enabled", "disabled", "adaptive"});
  if (type == "enabled") {
    static_cast<void>(thinking.required("budget_tokens"));
    static_cast<void>(thinking.integer("budget_tokens", 1));
  }
  out["thinking"] = *value;
}

void add_output_config(const object_reader& body, json& out) {
  const auto* value = body.object("output_config");
  if (!value) return;
  const object_reader config{*value, body.at("output_config")};
  if (const auto* effort = config.one_of("effort", {"low", "medium", "high", "xhigh", "max"}))
    out["reasoning_effort"] = *effort;
  if (const auto* format = config.object("format")) {
    const object_reader reader{*format, config.at("format")};
    static_cast<void>(reader.required_string("type"));
    static_cast<void>(reader.one_of("type", {"json_schema"}));
    static_cast<void>(reader.required("schema"));
    out["response_format"] = {
        {"type", "json_schema"},
        {"json_schema",
         {{"name", "output"}, {"strict", true}, {"schema", *reader.object("schema")}}}};
  }
}

} // namespace

void beyond_canonical::note(std::string path, std::string_view why) {
  if (!to_.beyond.empty()) return;
  to_.beyond_why = unsupported(path, why).error.message;
  to_.beyond = std::move(path);
}

json chat_from_messages(providers::native_request& native) {
  const object_reader body{native.body, {}};
  beyond_canonical beyond{native};
  json out = {{"model", body.required_string("model")}};
  json messages = json::array();
  if (auto system = joined_text(body, "system", beyond); !system.empty())
    messages.push_back({{"role", "system"}, {"content", std::move(system)}});
  static_cast<void>(body.required("messages"));
  const auto& turns = *body.array("messages");
  if (turns.empty()) throw invalid("messages", "'messages' must not be empty.");
  for (std::size_t i = 0; i < turns.size(); ++i)
    append_message(object_reader{turns[i], body.at("messages", i)}, messages, beyond);
  out["messages"] = std::move(messages);
  add_sampling(body, out);
  add_tools(body, out, beyond);
  add_tool_choice(body, out);
  add_thinking(body, out);
  add_output_config(body, out);
  if (const auto* metadata = body.object("metadata"))
    if (const auto* user = object_reader{*metadata, "metadata"}.string("user_id"))
      out["user"] = *user;
  if (const auto* servers = body.array("mcp_servers"); servers && !servers->empty())
    beyond.note("mcp_servers", "only Anthropic models reach MCP servers.");
  if (body.boolean("stream").value_or(false)) {
    out["stream"] = true;
    out["stream_options"] = {{"include_usage", true}};
  }
  return out;
}

} // namespace echelon::gateway
