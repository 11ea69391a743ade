#include "engine/chat_checks.hpp"

namespace echelon::engine {

using nlohmann::json;

namespace {

void check_parts(const json& parts, const object_reader& message) {
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const object_reader part{parts[i], message.at("content", i)};
    const auto& type = part.required_string("type");
    if (type == "text" && !part.string("text"))
      throw invalid(part.path("text"), "Missing required parameter: '" + part.path("text") + "'.");
    if (type == "image_url" && !part.required("image_url").is_string())
      static_cast<void>(
          object_reader{part.required("image_url"), part.at("image_url")}.required_string("url"));
  }
}

void check_tool_calls(const object_reader& message) {
  const auto* calls = message.array("tool_calls");
  if (!calls) return;
  for (std::size_t i = 0; i < calls->size(); ++i) {
    const object_reader call{(*calls)[i], message.at("tool_calls", i)};
    static_cast<void>(call.required_string("id"));
    const auto* type = call.string("type");
    if (type && *type != "function") continue;
    const object_reader function{call.required("function"), call.at("function")};
    static_cast<void>(function.required_string("name"));
    static_cast<void>(function.string("arguments"));
  }
}

void check_message(const object_reader& message) {
  static_cast<void>(message.required_string("role"));
  const auto& role =
      *message.one_of("role", {"developer", "system", "user", "assistant", "tool", "function"});
  const auto* content = message.find("content");
  if (!content && (role == "user" || role == "system" || role == "developer"))
    static_cast<void>(message.required("content"));
  if (content && content->is_array())
    check_parts(*content, message);
  else
    static_cast<void>(message.string("content"));
  static_cast<void>(message.string("name"));
  if (role == "tool") static_cast<void>(message.required_string("tool_call_id"));
  if (role == "assistant") check_tool_calls(message);
}

void check_tools(const object_reader& body) {
  if (const auto* tools = body.array("tools"))
    for (std::size_t i = 0; i < tools->size(); ++i) {
      const object_reader tool{(*tools)[i], body.at("tools", i)};
      if (tool.required_string("type") != "function") continue;
      const object_reader function{tool.required("function"), tool.at("function")};
      static_cast<void>(function.required_string("name"));
      static_cast<void>(function.string("description"));
      static_cast<void>(function.object("parameters"));
      static_cast<void>(function.boolean("strict"));
    }
  const auto* choice = body.find("tool_choice");
  if (!choice) return;
  if (choice->is_string())
    static_cast<void>(body.one_of("tool_choice", {"none", "auto", "required"}));
  else
    static_cast<void>(object_reader{*choice, body.at("tool_choice")}.required_string("type"));
}

void check_stop(const object_reader& body) {
  const auto* stop = body.find("stop");
  if (!stop || stop->is_string()) return;
  const auto& list = *body.array("stop");
  for (std::size_t i = 0; i < list.size(); ++i)
    if (!list[i].is_string())
      throw invalid(body.path("stop", i), "'" + body.path("stop", i) + "' must be a string.");
}

} // namespace

void check_chat_request(const json& value) {
  const object_reader body{value, {}};
  static_cast<void>(body.required_string("model"));
  static_cast<void>(body.required("messages"));
  const auto& messages = *body.array("messages");
  if (messages.empty()) throw invalid("messages", "'messages' must not be empty.");
  for (std::size_t i = 0; i < messages.size(); ++i)
    check_message(object_reader{messages[i], body.at("messages", i)});
  for (const auto* key : {"temperature", "top_p", "presence_penalty", "frequency_penalty"})
    static_cast<void>(body.number(key));
  for (const auto* key : {"max_tokens", "max_completion_tokens", "n"})
    static_cast<void>(body.integer(key, 1));
  static_cast<void>(body.integer("top_logprobs", 0));
  static_cast<void>(body.integer("seed", INT64_MIN + 1));
  for (const auto* key : {"logprobs", "parallel_tool_calls"})
    static_cast<void>(body.boolean(key));
  for (const auto* key : {"reasoning_effort", "user", "verbosity", "service_tier"})
    static_cast<void>(body.string(key));
  for (const auto* key : {"logit_bias", "metadata"})
    static_cast<void>(body.object(key));
  check_stop(body);
  check_tools(body);
  if (const auto* format = body.object("response_format"))
    static_cast<void>(object_reader{*format, body.at("response_format")}.required_string("type"));
}

} // namespace echelon::engine
