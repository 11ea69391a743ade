#include "providers/gemini.hpp"

#include "config/url.hpp"
#include "providers/json_read.hpp"
#include "providers/request_parts.hpp"
#include "providers/text.hpp"
#include "providers/wire_error.hpp"

#include <array>
#include <exception>
#include <utility>

namespace echelon::providers {

using nlohmann::json;

namespace {

// `models/{id}`; an id that names its collection (`tunedModels/x`) is kept.
std::string model_path(std::string_view id) {
  const std::string collection = id.find('/') == std::string_view::npos ? "models/" : "";
  return collection + config::escaped(id, "-._~/@");
}

class request_builder {
public:
  request_builder(const json& body, const attempt_context& context,
                  std::vector<std::string>& dropped)
      : body_(body), context_(context), dropped_(dropped) {}

  json build() {
    for (const auto* key : {"functions", "function_call"})
      if (has(body_, key))
        throw no_form_for(key, std::string{"Gemini models take 'tools', not '"} + key + "'.");
    auto turns = gemini_turns_of(member(body_, "messages"), wants_signatures());
    if (!turns.system.is_null()) out_["systemInstruction"] = std::move(turns.system);
    out_["contents"] = std::move(turns.contents);
    add_tools();
    add_tool_choice();
    add_sampling();
    add_format();
    add_thinking();
    if (!config_.empty()) out_["generationConfig"] = std::move(config_);
    note_unknown(body_,
                 {"model", "messages", "max_tokens", "max_completion_tokens", "n", "stop", "stream",
                  "stream_options", "temperature", "top_p", "top_k", "seed", "presence_penalty",
                  "frequency_penalty", "tools", "tool_choice", "response_format",
                  "reasoning_effort", "thinking"},
                 dropped_);
    return std::move(out_);
  }

private:
  // From Gemini 3 on, whose models think by level, a call without a signature is refused.
  [[nodiscard]] bool wants_signatures() const {
    const auto& model = context_.model;
    return model.thinking == "level" || model.thinking == "effort"
           || contains_text(model.model, "gemini-3");
  }

  void add_tools() {
    const auto& tools = member(body_, "tools");
    if (!tools.is_array() || tools.empty()) return;
    json declarations = json::array();
    for (std::size_t i = 0; i < tools.size(); ++i) {
      const auto& function = member(tools[i], "function");
      if (!function.is_object())
        throw no_form_for(path_of("tools", i), "Gemini models take function tools only.");
      json declaration{{"name", text_of(function, "name")}};
      if (const auto text = text_of(function, "description"); !text.empty())
        declaration["description"] = text;
      if (auto schema = gemini_schema(member(function, "parameters")); !schema.is_null())
        declaration["parameters"] = std::move(schema);
      declarations.push_back(std::move(declaration));
    }
    out_["tools"] = json::array({{{"functionDeclarations", std::move(declarations)}}});
  }

  void add_tool_choice() {
    const auto choice = tool_choice_of(body_, context_.parameters);
    if (choice.is_null()) {
      if (has(body_, "tool_choice") && member(body_, "tool_choice") != "none")
        dropped_.emplace_back("tool_choice");
      return;
    }
    out_["toolConfig"] = {{"functionCallingConfig", calling_config(choice)}};
  }

  json calling_config(const json& choice) {
    if (choice == "auto") return {{"mode", "AUTO"}};
    if (choice == "required") return {{"mode", "ANY"}};
    if (choice == "none") return {{"mode", "NONE"}};
    const auto type = text_of(choice, "type");
    json names = json::array();
    if (type == "function") {
      names.push_back(text_of(member(choice, "function"), "name"));
      return {{"mode", "ANY"}, {"allowedFunctionNames", std::move(names)}};
    }
    if (type != "allowed_tools")
      throw no_form_for("tool_choice", "Gemini models know no such tool choice.");
    const auto& allowed = member(choice, "allowed_tools");
    if (text_of(allowed, "mode") != "required") {
      // Names may be given with ANY only.
      dropped_.emplace_back("tool_choice");
      return {{"mode", "AUTO"}};
    }
    for (const auto& tool : member(allowed, "tools"))
      names.push_back(text_of(member(tool, "function"), "name"));
    return {{"mode", "ANY"}, {"allowedFunctionNames", std::move(names)}};
  }

  void add_sampling() {
    constexpr std::array<std::pair<const char*, const char*>, 7> fields{
        {{"temperature", "temperature"},
         {"top_p", "topP"},
         {"top_k", "topK"},
         {"n", "candidateCount"},
         {"seed", "seed"},
         {"presence_penalty", "presencePenalty"},
         {"frequency_penalty", "frequencyPenalty"}}};
    for (const auto& [from, to] : fields)
      if (member(body_, from).is_number()) config_[to] = member(body_, from);
    if (!has(body_, "temperature") && context_.parameters.temperature)
      config_["temperature"] = *context_.parameters.temperature;
    if (const auto limit = asked_max_tokens(body_)) config_["maxOutputTokens"] = *limit;
    if (const auto& stop = member(body_, "stop"); stop.is_string())
      config_["stopSequences"] = json::array({stop});
    else if (stop.is_array() && !stop.empty())
      config_["stopSequences"] = stop;
  }

  void add_format() {
    const auto format = response_format_of(body_, context_.parameters);
    const auto type = text_of(format, "type");
    if (type.empty()) return;
    if (type != "json_object" && type != "json_schema")
      throw no_form_for("response_format", "Gemini models know no such response format.");
    config_["responseMimeType"] = "application/json";
    if (const auto& schema = member(member(format, "json_schema"), "schema"); schema.is_object())
      config_["responseJsonSchema"] = schema;
  }

  void add_thinking() {
    using mode = thinking_wish::mode;
    const auto wish = thinking_of(body_, context_.parameters);
    if (wish.how == mode::unset) return;
    const auto& kind = context_.model.thinking;
    const bool on = wish.how == mode::on;
    if (kind == "budget" || kind == "adaptive") {
      config_["thinkingConfig"] = {{"thinkingBudget", on ? wish.budget : 0U},
                                   {"includeThoughts", on}};
    } else if (kind == "level" || kind == "effort") {
      config_["thinkingConfig"] = {{"thinkingLevel", on ? level_for(wish.budget) : "MINIMAL"},
                                   {"includeThoughts", on}};
    } else if (wish.by_client && on) {
      dropped_.emplace_back(has(body_, "thinking") ? "thinking" : "reasoning_effort");
    }
  }

  static const char* level_for(std::uint32_t budget) {
    if (budget < 4096) return "LOW";
    return budget < 16384 ? "MEDIUM" : "HIGH";
  }

  const json& body_;
  const attempt_context& context_;
  std::vector<std::string>& dropped_;
  json out_ = json::object();
  json config_ = json::object();
};

json embeddings_body(const json& body, const std::string& model,
                     std::vector<std::string>& dropped) {
  const auto& input = member(body, "input");
  json texts = json::array();
  if (input.is_string()) {
    texts.push_back(input);
  } else if (input.is_array()) {
    for (std::size_t i = 0; i < input.size(); ++i) {
      if (!input[i].is_string())
        throw no_form_for(path_of("input", i), "Gemini models embed texts, not tokens.");
      texts.push_back(input[i]);
    }
  }
  if (texts.empty()) throw wrong_field("input", "'input' must be a text or a list of texts.");
  json requests = json::array();
  for (auto& text : texts) {
    json one{{"model", model},
             {"content", {{"parts", json::array({{{"text", std::move(text)}}})}}}};
    if (const auto size = count_of(body, "dimensions")) one["outputDimensionality"] = *size;
    requests.push_back(std::move(one));
  }
  note_unknown(body, {"model", "input", "dimensions", "encoding_format"}, dropped);
  return {{"requests", std::move(requests)}};
}

} // namespace

built_request gemini_adapter::build(const canonical_request& request,
                                    const attempt_context& context) const {
  built_request result;
  try {
    if (!request.body().is_object()) throw wrong_field("", "The body must be a JSON object.");
    const auto model = model_path(context.model.model);
    const bool chat = request.op == operation::chat;
    const bool stream = chat && request.stream;
    const auto body = chat ? request_builder{request.body(), context, result.dropped}.build()
                           : embeddings_body(request.body(), model, result.dropped);
    const char* method = stream ? ":streamGenerateContent?alt=sse" : ":generateContent";
    if (!chat) method = ":batchEmbedContents";
    header_list auth;
    if (!context.api_key.empty()) auth.emplace_back("x-goog-api-key", context.api_key);
    result.request =
        make_request(context, endpoint(context.provider.base_url, "/v1beta", '/' + model + method),
                     std::move(auth), dump(body), stream);
  } catch (const translation_error& error) {
    result.failure = error.failure;
  } catch (const std::exception&) {
    result.failure = wrong_field("", "The request has an unknown form.").failure;
  }
  return result;
}

} // namespace echelon::providers
