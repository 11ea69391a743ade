#include "providers/anthropic.hpp"
#include "providers/json_read.hpp"
#include "providers/request_parts.hpp"
#include "providers/text.hpp"
#include "providers/wire_error.hpp"

#include <algorithm>
#include <array>
#include <exception>

namespace echelon::providers {

using nlohmann::json;

namespace {

// Models from before extended thinking; every other one is taken to know it.
bool never_thinks(const config::model_config& model) {
  constexpr std::array<std::string_view, 6> families{"claude-3-opus",  "claude-3-sonnet",
                                                     "claude-3-haiku", "claude-3-5-",
                                                     "claude-2",       "claude-instant"};
  return model.thinking.empty()
         && std::any_of(families.begin(), families.end(), [&](std::string_view family) {
              return contains_text(model.model, family) || contains_text(model.name, family);
            });
}

class request_builder {
public:
  request_builder(const canonical_request& request, const attempt_context& context,
                  std::vector<std::string>& dropped)
      : request_(request), body_(request.body()), context_(context), dropped_(dropped),
        native_(request.native ? request.native->body : none_) {}

  json build() {
    if (count_of(body_, "n").value_or(1) > 1)
      throw no_form_for("n", "Anthropic models give one choice only: 'n' must be 1.");
    for (const auto* key : {"functions", "function_call"})
      if (has(body_, key))
        throw no_form_for(key, std::string{"Anthropic models take 'tools', not '"} + key + "'.");
    out_["model"] = context_.model.model;
    add_max_tokens();
    add_thinking();
    add_conversation();
    add_sampling();
    add_tools();
    add_tool_choice();
    if (const auto user = text_of(body_, "user"); !user.empty())
      out_["metadata"] = {{"user_id", user}};
    if (request_.stream) out_["stream"] = true;
    if (native_.is_object()) keep_native();
    note_unknown(body_,
                 {"model", "messages", "max_tokens", "max_completion_tokens", "n", "user", "stop",
                  "stream", "stream_options", "temperature", "top_p", "top_k", "tools",
                  "tool_choice", "parallel_tool_calls", "response_format", "reasoning_effort",
                  "thinking"},
                 dropped_);
    return std::move(out_);
  }

private:
  // What the client wrote in this form and the canonical one has no place for.
  void keep_native() {
    for (const auto& [key, value] : native_.items())
      if (!value.is_null() && !out_.contains(key)
          && std::find(rewritten.begin(), rewritten.end(), key) == rewritten.end())
        out_[key] = value;
    for (const auto* key : {"metadata", "thinking", "output_config"}) {
      if (!out_.contains(key) || !member(native_, key).is_object()) continue;
      auto kept = native_[key];
      kept.erase("budget_tokens");
      kept.update(out_[key]);
      out_[key] = std::move(kept);
    }
  }

  void add_max_tokens() {
    max_tokens_ = asked_max_tokens(body_).value_or(context_.model.max_output_tokens);
    out_["max_tokens"] = max_tokens_;
  }

  void add_thinking() {
    const auto wish = thinking_of(body_, context_.parameters);
    if (wish.how != thinking_wish::mode::on) return;
    const auto* field = has(body_, "thinking") ? "thinking" : "reasoning_effort";
    if (never_thinks(context_.model)) {
      if (wish.by_client) dropped_.emplace_back(field);
      return;
    }
    if (thoughtless_tool_loop(member(body_, "messages"))) {
      dropped_.emplace_back(wish.by_client ? field : "thinking_config");
      return;
    }
    thinks_ = true;
    if (context_.model.thinking == "adaptive" || context_.model.thinking == "effort") {
      out_["thinking"] = {{"type", "adaptive"}};
      out_["output_config"]["effort"] = effort_word(wish);
      return;
    }
    out_["thinking"] = {{"type", "enabled"}, {"budget_tokens", wish.budget}};
    // The ceiling covers thoughts and answer.
    if (max_tokens_ <= wish.budget) out_["max_tokens"] = max_tokens_ + wish.budget;
  }

  static std::string effort_word(const thinking_wish& wish) {
    if (wish.effort == "minimal") return "low";
    return wish.effort.empty() || wish.effort == "none" ? std::string{effort_for(wish.budget)}
                                                        : wish.effort;
  }

  void add_conversation() {
    auto turns = native_.is_object() ? turns_as_sent(native_)
                                     : anthropic_turns_of(member(body_, "messages"), thinks_);
    const auto format = response_format_of(body_, context_.parameters);
    const auto type = text_of(format, "type");
    if (type == "json_schema") {
      out_["output_config"]["format"] = {
          {"type", "json_schema"}, {"schema", member(member(format, "json_schema"), "schema")}};
    } else if (type == "json_object") {
      add_instruction(turns.system, "Answer with one valid JSON object and nothing else.");
    } else if (!type.empty()) {
      throw no_form_for("response_format", "Anthropic models know no such response format.");
    }
    if (!turns.system.is_null()) out_["system"] = std::move(turns.system);
    out_["messages"] = std::move(turns.messages);
  }

  // The client's own blocks, but for thoughts of another provider.
  static anthropic_turns turns_as_sent(const json& native) {
    anthropic_turns turns{member(native, "system"), json::array()};
    if (turns.system.is_string() && trim(turns.system.get_ref<const std::string&>()).empty())
      turns.system = nullptr;
    for (const auto& message : member(native, "messages")) {
      auto kept = message;
      auto& content = kept["content"];
      if (content.is_array() && !content.empty()) {
        std::erase_if(content.get_ref<json::array_t&>(), [](const json& block) {
          return text_of(block, "type") == "thinking" && !own_thought(block);
        });
        if (content.empty()) continue;
      }
      turns.messages.push_back(std::move(kept));
    }
    return turns;
  }

  // Anthropic has no plain JSON mode.
  static void add_instruction(json& system, const std::string& text) {
    if (system.is_array())
      system.push_back({{"type", "text"}, {"text", text}});
    else
      system = system.is_string() ? system.get<std::string>() + "\n\n" + text : text;
  }

  void add_sampling() {
    if (const auto& stop = member(body_, "stop"); stop.is_string())
      out_["stop_sequences"] = json::array({stop});
    else if (stop.is_array() && !stop.empty())
      out_["stop_sequences"] = stop;
    auto temperature = member(body_, "temperature");
    if (temperature.is_null() && !has(body_, "top_p") && context_.parameters.temperature)
      temperature = *context_.parameters.temperature;
    for (const auto* key : {"temperature", "top_p", "top_k"}) {
      if (thinks_) {
        if (has(body_, key)) dropped_.emplace_back(key);
      } else if (const auto& value =
                     std::string_view{key} == "temperature" ? temperature : member(body_, key);
                 value.is_number()) {
        out_[key] = value;
      }
    }
    // OpenAI's scale ends at 2.
    if (out_.contains("temperature") && out_["temperature"].get<double>() > 1)
      out_["temperature"] = 1;
  }

  void add_tools() {
    if (const auto& sent = member(native_, "tools"); sent.is_array() && !sent.empty()) {
      out_["tools"] = sent;
      return;
    }
    const auto& tools = member(body_, "tools");
    if (!tools.is_array() || tools.empty()) return;
    for (std::size_t i = 0; i < tools.size(); ++i) {
      const auto& function = member(tools[i], "function");
      if (!function.is_object())
        throw no_form_for(path_of("tools", i), "Anthropic models take function tools only.");
      json tool{{"name", text_of(function, "name")}};
      if (const auto text = text_of(function, "description"); !text.empty())
        tool["description"] = text;
      json schema = member(function, "parameters");
      if (!schema.is_object()) schema = json::object();
      if (!schema.contains("type")) schema["type"] = "object";
      if (schema.size() == 1) schema["properties"] = json::object();
      tool["input_schema"] = std::move(schema);
      if (flag_of(function, "strict")) tool["strict"] = true;
      out_["tools"].push_back(std::move(tool));
    }
  }

  void add_tool_choice() {
    const auto choice = tool_choice_of(body_, context_.parameters);
    if (!out_.contains("tools")) {
      if (has(body_, "tool_choice") && member(body_, "tool_choice") != "none")
        dropped_.emplace_back("tool_choice");
      return;
    }
    const auto& parallel = member(body_, "parallel_tool_calls");
    const bool one_call = parallel.is_boolean() && !parallel.get<bool>();
    const auto& sent = member(native_, "tool_choice");
    if (choice.is_null() && !one_call && sent.is_null()) return;
    json result = sent.is_object() ? sent : choice_object(choice);
    if (thinks_ && (result["type"] == "any" || result["type"] == "tool")) {
      if (has(body_, "tool_choice")) dropped_.emplace_back("tool_choice");
      result = {{"type", "auto"}};
    }
    if (one_call && result["type"] != "none") result["disable_parallel_tool_use"] = true;
    out_["tool_choice"] = std::move(result);
  }

  json choice_object(const json& choice) {
    if (choice.is_null() || choice == "auto") return {{"type", "auto"}};
    if (choice == "required") return {{"type", "any"}};
    if (choice == "none") return {{"type", "none"}};
    const auto type = text_of(choice, "type");
    if (type == "function")
      return {{"type", "tool"}, {"name", text_of(member(choice, "function"), "name")}};
    if (type != "allowed_tools")
      throw no_form_for("tool_choice", "Anthropic models know no such tool choice.");
    // Only what is allowed is offered.
    const auto& allowed = member(choice, "allowed_tools");
    json kept = json::array();
    for (auto& tool : out_["tools"])
      for (const auto& entry : member(allowed, "tools"))
        if (text_of(member(entry, "function"), "name") == tool["name"]) kept.push_back(tool);
    if (kept.empty()) throw wrong_field("tool_choice", "'tool_choice' allows no tool of 'tools'.");
    out_["tools"] = std::move(kept);
    return {{"type", text_of(allowed, "mode") == "required" ? "any" : "auto"}};
  }

  const canonical_request& request_;
  static inline const json none_{};
  // Decided anew for each attempt, or left out on purpose.
  static constexpr std::array<std::string_view, 7> rewritten{
      "temperature", "top_p", "top_k", "thinking", "tool_choice", "stop_sequences", "system"};

  const json& body_;
  const attempt_context& context_;
  std::vector<std::string>& dropped_;
  const json& native_; // Null unless the client speaks this form.
  json out_ = json::object();
  std::int64_t max_tokens_ = 0;
  bool thinks_ = false;
};

} // namespace

built_request anthropic_adapter::build(const canonical_request& request,
                                       const attempt_context& context) const {
  built_request result;
  try {
    if (request.op == operation::embeddings)
      throw no_form_for("model", "Anthropic has no embeddings.");
    if (!request.body().is_object()) throw wrong_field("", "The body must be a JSON object.");
    const auto body = request_builder{request, context, result.dropped}.build();
    header_list headers{{"anthropic-version", "2023-06-01"}};
    if (!context.api_key.empty()) headers.emplace_back("x-api-key", context.api_key);
    if (request.native && !request.native->beta.empty())
      headers.emplace_back("anthropic-beta", request.native->beta);
    result.request = make_request(context, endpoint(context.provider.base_url, "/v1", "/messages"),
                                  std::move(headers), dump(body), request.stream);
  } catch (const translation_error& error) {
    result.failure = error.failure;
  } catch (const std::exception&) {
    result.failure = wrong_field("", "The request has an unknown form.").failure;
  }
  return result;
}

} // namespace echelon::providers
