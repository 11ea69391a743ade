#include "tests/providers/wire/support.hpp"

#include <catch2/catch.hpp>

namespace echelon::providers::test {
namespace {

using config::provider_kind;
using policy::failure_class;

attempt gemini(std::string id = "gemini-pro") {
  return attempt{provider_kind::gemini, std::move(id)};
}

// Whether `key` is a key of any object in `value`.
bool holds_key(const json& value, const std::string& key) {
  if (value.is_object() && value.contains(key)) return true;
  if (!value.is_structured()) return false;
  for (const auto& part : value)
    if (holds_key(part, key)) return true;
  return false;
}

TEST_CASE("FIDELITY.1 a request takes Gemini's form", "[gemini]") {
  auto body = chat({{{"role", "system"}, {"content", "Be brief."}},
                    user("hi"),
                    {{"role", "assistant"}, {"content", "hello"}},
                    user("how are you?")});
  body["max_tokens"] = 5;
  auto x = gemini();
  const auto built = x.build(body);
  CHECK(built.request.target == "/v1beta/models/gemini-pro:generateContent");
  CHECK(header(built.request.headers, "x-goog-api-key") == "key-of-provider");
  CHECK(header(built.request.headers, "authorization").empty());
  const auto text = [](const char* t) { return json::array({{{"text", t}}}); };
  CHECK(json::parse(built.request.body)
        == json{{"systemInstruction", {{"parts", text("Be brief.")}}},
                {"contents",
                 {{{"role", "user"}, {"parts", text("hi")}},
                  {{"role", "model"}, {"parts", text("hello")}},
                  {{"role", "user"}, {"parts", text("how are you?")}}}},
                {"generationConfig", {{"maxOutputTokens", 5}}}});
  x.stream = true;
  x.provider.base_url = "https://h/v1beta/";
  CHECK(x.build(body).request.target == "/v1beta/models/gemini-pro:streamGenerateContent?alt=sse");
  CHECK(gemini("tuned Models?").build(body).request.target
        == "/v1beta/models/tuned%20Models%3F:generateContent");
}

TEST_CASE("GEMINI.5 calls and results take Gemini's form", "[gemini]") {
  const auto sent =
      gemini().sent(chat({{{"role", "system"}, {"content", "s"}},
                          user("go"),
                          {{"role", "assistant"},
                           {"content", nullptr},
                           {"tool_calls", {call("c1", "f", ""), call("c2", "g", "{\"x\":1}")}}},
                          {{"role", "tool"}, {"tool_call_id", "c1"}, {"content", "42"}},
                          {{"role", "tool"}, {"tool_call_id", "c2"}, {"content", "[1]"}},
                          user("and?")}));
  REQUIRE(sent["contents"].size() == 3);
  CHECK(sent["contents"][1]
        == json{{"role", "model"},
                {"parts",
                 {{{"functionCall", {{"name", "f"}, {"args", json::object()}}}},
                  {{"functionCall", {{"name", "g"}, {"args", {{"x", 1}}}}}}}}});
  CHECK(sent["contents"][2]
        == json{{"role", "user"},
                {"parts",
                 {{{"functionResponse", {{"name", "f"}, {"response", {{"result", "42"}}}}}},
                  {{"functionResponse", {{"name", "g"}, {"response", {{"result", "[1]"}}}}}},
                  {{"text", "and?"}}}}});
}

TEST_CASE("GEMINI.5 a result that is an object is passed as it is", "[gemini]") {
  const auto sent = gemini().sent(
      chat({user("go"),
            {{"role", "assistant"}, {"tool_calls", json::array({call("c1", "f", "{}")})}},
            {{"role", "tool"}, {"tool_call_id", "c1"}, {"content", "{\"ok\":true}"}}}));
  CHECK(sent["contents"][2]["parts"][0]["functionResponse"]["response"] == json{{"ok", true}});
}

TEST_CASE("GEMINI.5 an unknown tool_call_id is the client's fault", "[gemini]") {
  const auto built = gemini().build(
      chat({user("go"), {{"role", "tool"}, {"tool_call_id", "zz"}, {"content", "1"}}}));
  REQUIRE(built.failure);
  CHECK(built.failure->kind == failure_class::client_fault);
  CHECK(built.failure->status == 400);
  CHECK(built.failure->param == "messages[1].tool_call_id");
}

TEST_CASE("GEMINI.2 what Gemini does not know is taken out of schemas", "[gemini]") {
  const json inner{{"type", "object"},
                   {"$schema", "x"},
                   {"additionalProperties", false},
                   {"propertyNames", {{"pattern", "a"}}},
                   {"properties",
                    {{"n", {{"type", {"integer", "null"}}, {"exclusiveMinimum", 0}}},
                     {"empty", {{"type", "object"}, {"properties", json::object()}}},
                     {"pair", {{"type", "array"}, {"prefixItems", {{{"type", "number"}}}}}},
                     {"shared", {{"$ref", "#/$defs/Shared"}, {"description", "d"}}},
                     {"lost", {{"$ref", "https://h/schema"}}}}},
                   {"required", {"n", "not_there"}}};
  auto body = chat({user("hi")});
  body["stream_options"] = {{"include_usage", true}};
  body["tools"] = json::array({tool(
      "f", {{"type", "object"},
            {"$schema", "x"},
            {"$defs", {{"Shared", {{"type", {"string", "null"}}, {"$comment", "c"}}}}},
            {"properties", {{"additionalProperties", {{"type", "string"}}}, {"inner", inner}}}})});
  const auto sent = gemini().sent(body);
  const auto& parameters = sent["tools"][0]["functionDeclarations"][0]["parameters"];
  REQUIRE(parameters["properties"]["additionalProperties"] == json{{"type", "string"}});
  auto rest = sent;
  rest["tools"][0]["functionDeclarations"][0]["parameters"]["properties"].erase(
      "additionalProperties");
  for (const auto* key : {"$schema", "additionalProperties", "exclusiveMinimum", "prefixItems",
                          "propertyNames", "$ref", "$defs", "$comment", "stream_options"})
    CHECK_FALSE(holds_key(rest, key));
  const auto& fields = parameters["properties"]["inner"]["properties"];
  CHECK(fields["n"] == json{{"type", "integer"}, {"nullable", true}});
  CHECK(fields["empty"] == json{{"type", "object"}});
  CHECK(fields["pair"] == json{{"type", "array"}, {"items", {{"type", "number"}}}});
  CHECK(fields["shared"] == json{{"type", "string"}, {"nullable", true}, {"description", "d"}});
  CHECK(parameters["properties"]["inner"]["required"] == json{"n"});
}

TEST_CASE("GEMINI.2 schemas that refer to themselves or unfold end", "[gemini]") {
  auto body = chat({user("hi")});
  json node{{"type", "object"}};
  node["properties"]["next"]["$ref"] = "#/$defs/Node";
  body["tools"] =
      json::array({tool("f", {{"type", "object"},
                              {"$defs", {{"Node", node}}},
                              {"properties", {{"list", {{"$ref", "#/$defs/Node"}}}}}})});
  auto sent = gemini().sent(body);
  CHECK_FALSE(holds_key(sent, "$ref"));
  json definitions;
  for (int i = 0; i < 30; ++i) { // Each level refers to the next twice.
    const json next{{"$ref", "#/$defs/L" + std::to_string(i + 1)}};
    definitions["L" + std::to_string(i)] = {{"type", "object"},
                                            {"properties", {{"a", next}, {"b", next}}}};
  }
  definitions["L30"] = {{"type", "string"}};
  body["tools"] = json::array({tool("f", {{"type", "object"},
                                          {"$defs", definitions},
                                          {"properties", {{"x", {{"$ref", "#/$defs/L0"}}}}}})});
  sent = gemini().sent(body);
  CHECK(sent.dump().size() < 1'000'000);
  CHECK_FALSE(holds_key(sent, "$ref"));
}

TEST_CASE("tools without parameters have none", "[gemini]") {
  auto body = chat({user("hi")});
  body["tools"] = json::array({tool("f", {{"type", "object"}, {"properties", json::object()}})});
  CHECK(gemini().sent(body)["tools"]
        == json::array({{{"functionDeclarations", json::array({{{"name", "f"}}})}}}));
}

TEST_CASE("the choice of tools is translated", "[gemini]") {
  auto body = chat({user("hi")});
  const auto choice = [&](json value) {
    auto copy = body;
    copy["tools"] = json::array({tool("f")});
    copy["tool_choice"] = std::move(value);
    return gemini().sent(copy)["toolConfig"]["functionCallingConfig"];
  };
  CHECK(choice("auto") == json{{"mode", "AUTO"}});
  CHECK(choice("required") == json{{"mode", "ANY"}});
  CHECK(choice("none") == json{{"mode", "NONE"}});
  CHECK(choice({{"type", "function"}, {"function", {{"name", "f"}}}})
        == json{{"mode", "ANY"}, {"allowedFunctionNames", {"f"}}});
  auto x = gemini();
  x.parameters.function_calling = "required";
  CHECK_FALSE(x.sent(body).contains("toolConfig"));
}

TEST_CASE("sampling, formats and thinking take Gemini's names", "[gemini]") {
  auto x = gemini();
  x.parameters.temperature = 0.3;
  x.parameters.response_format = "json";
  x.parameters.thinking = config::thinking_config{true, 4000};
  auto body = chat({user("hi")});
  body["top_p"] = 0.5;
  body["n"] = 2;
  body["stop"] = {"A", "B"};
  body["parallel_tool_calls"] = false;
  const auto built = x.build(body);
  CHECK(json::parse(built.request.body)["generationConfig"]
        == json{{"temperature", 0.3},
                {"topP", 0.5},
                {"candidateCount", 2},
                {"stopSequences", {"A", "B"}},
                {"responseMimeType", "application/json"}});
  CHECK(built.dropped == std::vector<std::string>{"parallel_tool_calls"});
  x.model.thinking = "budget";
  CHECK(x.sent(body)["generationConfig"]["thinkingConfig"]
        == json{{"thinkingBudget", 4000}, {"includeThoughts", true}});
  body["reasoning_effort"] = "none";
  CHECK(x.sent(body)["generationConfig"]["thinkingConfig"]["thinkingBudget"] == 0);
  x.model.thinking = "level";
  body["reasoning_effort"] = "high";
  CHECK(x.sent(body)["generationConfig"]["thinkingConfig"]["thinkingLevel"] == "HIGH");
  body["response_format"] = {{"type", "json_schema"},
                             {"json_schema", {{"name", "n"}, {"schema", {{"type", "object"}}}}}};
  CHECK(x.sent(body)["generationConfig"]["responseJsonSchema"] == json{{"type", "object"}});
}

TEST_CASE("images are inlined, the thought's signature returns with its call", "[gemini]") {
  auto signed_call = call("c1", "f", "{}");
  signed_call["extra_content"] = {{"google", {{"thought_signature", "c2ln"}}}};
  const auto sent = gemini().sent(
      chat({{{"role", "user"},
             {"content", json::array({{{"type", "image_url"},
                                       {"image_url", {{"url", "data:image/png;base64,AAAA"}}}}})}},
            {{"role", "assistant"}, {"tool_calls", json::array({signed_call})}}}));
  CHECK(sent["contents"][0]["parts"][0]
        == json{{"inlineData", {{"mimeType", "image/png"}, {"data", "AAAA"}}}});
  CHECK(sent["contents"][1]["parts"][0]["thoughtSignature"] == "c2ln");
}

TEST_CASE("embeddings go out in one batch", "[gemini]") {
  auto x = gemini("embed-1");
  x.op = operation::embeddings;
  const auto built = x.build({{"model", "m"}, {"input", {"a", "b"}}, {"dimensions", 8}});
  CHECK(built.request.target == "/v1beta/models/embed-1:batchEmbedContents");
  const auto sent = json::parse(built.request.body);
  REQUIRE(sent["requests"].size() == 2);
  CHECK(sent["requests"][1]
        == json{{"model", "models/embed-1"},
                {"content", {{"parts", json::array({{{"text", "b"}}})}}},
                {"outputDimensionality", 8}});
  CHECK(x.build({{"input", json::array({1, 2})}}).failure->kind == failure_class::untranslatable);
  CHECK(x.build({{"input", json::array()}}).failure->kind == failure_class::client_fault);
}

} // namespace
} // namespace echelon::providers::test
