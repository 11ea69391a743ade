#include "tests/providers/wire/support.hpp"

#include <catch2/catch.hpp>

namespace echelon::providers::test {
namespace {

using config::provider_kind;
using policy::failure_class;

attempt claude(std::string id = "claude-sonnet-4") {
  return attempt{provider_kind::anthropic, std::move(id)};
}

std::vector<std::string> roles(const json& messages) {
  std::vector<std::string> result;
  for (const auto& message : messages)
    result.push_back(message["role"]);
  return result;
}

TEST_CASE("FIDELITY.1 a request takes Anthropic's form", "[anthropic]") {
  auto body = chat({{{"role", "system"}, {"content", "Be brief."}},
                    user("hi"),
                    {{"role", "assistant"}, {"content", "hello"}},
                    user("how are you?")});
  body["max_tokens"] = 5;
  const auto built = claude("claude-x").build(body);
  REQUIRE_FALSE(built.failure);
  CHECK(built.request.method == "POST");
  CHECK(built.request.target == "/v1/messages");
  CHECK(header(built.request.headers, "x-api-key") == "key-of-provider");
  CHECK(header(built.request.headers, "anthropic-version") == "2023-06-01");
  CHECK(header(built.request.headers, "authorization").empty());
  const auto text = [](const char* x) { return json::array({{{"type", "text"}, {"text", x}}}); };
  CHECK(json::parse(built.request.body)
        == json{{"model", "claude-x"},
                {"max_tokens", 5},
                {"system", "Be brief."},
                {"messages",
                 {{{"role", "user"}, {"content", text("hi")}},
                  {{"role", "assistant"}, {"content", text("hello")}},
                  {{"role", "user"}, {"content", text("how are you?")}}}}});
}

TEST_CASE("ANTHROPIC.1 all tool results of one turn are one user message", "[anthropic]") {
  const auto sent =
      claude().sent(chat({user("go"),
                          {{"role", "assistant"},
                           {"content", nullptr},
                           {"tool_calls", {call("a", "f", "{\"x\":1}"), call("b", "g", "")}}},
                          {{"role", "tool"}, {"tool_call_id", "a"}, {"content", "1"}},
                          {{"role", "tool"}, {"tool_call_id", "b"}, {"content", "2"}},
                          user("go on")}));
  REQUIRE(roles(sent["messages"]) == std::vector<std::string>{"user", "assistant", "user"});
  CHECK(sent["messages"][1]["content"]
        == json{{{"type", "tool_use"}, {"id", "a"}, {"name", "f"}, {"input", {{"x", 1}}}},
                {{"type", "tool_use"}, {"id", "b"}, {"name", "g"}, {"input", json::object()}}});
  CHECK(sent["messages"][2]["content"]
        == json{{{"type", "tool_result"}, {"tool_use_id", "a"}, {"content", "1"}},
                {{"type", "tool_result"}, {"tool_use_id", "b"}, {"content", "2"}},
                {{"type", "text"}, {"text", "go on"}}});
}

TEST_CASE("ANTHROPIC.2 all instructions are kept in order, none leaves no key", "[anthropic]") {
  const auto sent = claude().sent(chat({{{"role", "system"}, {"content", "A"}},
                                        {{"role", "system"}, {"content", "B"}},
                                        user("hi"),
                                        {{"role", "developer"}, {"content", "C"}}}));
  CHECK(sent["system"] == "A\n\nB\n\nC");
  CHECK(roles(sent["messages"]) == std::vector<std::string>{"user"});
  CHECK_FALSE(claude().sent(chat({user("hi")})).contains("system"));
}

TEST_CASE("ANTHROPIC.3 empty text is never sent", "[anthropic]") {
  const json none = json::array({{{"type", "text"}, {"text", ""}}});
  for (const json& content : {json(""), json(nullptr), json(" \n"), none}) {
    const auto sent =
        claude().sent(chat({{{"role", "system"}, {"content", ""}},
                            user("hi"),
                            {{"role", "assistant"},
                             {"content", content},
                             {"tool_calls", json::array({call("a", "f", "{}")})}},
                            {{"role", "tool"}, {"tool_call_id", "a"}, {"content", ""}}}));
    CHECK_FALSE(sent.contains("system"));
    REQUIRE(sent["messages"][1]["content"].size() == 1);
    CHECK(sent["messages"][1]["content"][0]["type"] == "tool_use");
    CHECK(sent["messages"][2]["content"]
          == json::array({{{"type", "tool_result"}, {"tool_use_id", "a"}}}));
  }
  const auto refused = claude().build(chat({user("")}));
  REQUIRE(refused.failure);
  CHECK(refused.failure->kind == failure_class::client_fault);
  CHECK(refused.failure->param == "messages[0].content");
}

TEST_CASE("ANTHROPIC.4 budget and max_tokens fit each other", "[anthropic]") {
  auto x = claude();
  x.parameters.thinking = config::thinking_config{true, 4000};
  x.parameters.temperature = 0.2;
  for (const int asked : {0, 100, 4000, 8000}) {
    auto body = chat({user("hi")});
    body["temperature"] = 0.3;
    if (asked > 0) body["max_tokens"] = asked;
    const auto sent = x.sent(body);
    CHECK(sent["thinking"] == json{{"type", "enabled"}, {"budget_tokens", 4000}});
    CHECK(sent["max_tokens"].get<int>() > 4000);
    CHECK_FALSE(sent.contains("temperature"));
  }
  x.parameters.thinking->budget_tokens = 10;
  CHECK(x.sent(chat({user("hi")}))["thinking"]["budget_tokens"] == 1024);
  x.parameters.thinking->budget_tokens.reset();
  CHECK(x.sent(chat({user("hi")}))["thinking"]["budget_tokens"] == 1024);
}

TEST_CASE("thinking is left out in silence for models that never had it", "[anthropic]") {
  for (const auto* id : {"claude-3-opus", "claude-3-sonnet-20240229", "claude-3-haiku"}) {
    auto x = claude(id);
    x.parameters.thinking = config::thinking_config{true, 4000};
    x.parameters.temperature = 0.3;
    const auto built = x.build(chat({user("hi")}));
    const auto sent = json::parse(built.request.body);
    CHECK_FALSE(sent.contains("thinking"));
    CHECK(sent["temperature"] == 0.3);
    CHECK(built.dropped.empty());
  }
  auto x = claude("claude-3-7-sonnet");
  x.parameters.thinking = config::thinking_config{true, 4000};
  CHECK(x.sent(chat({user("hi")})).contains("thinking"));
  x.model.thinking = "adaptive";
  const auto sent = x.sent(chat({user("hi")}));
  CHECK(sent["thinking"] == json{{"type", "adaptive"}});
  CHECK(sent["output_config"] == json{{"effort", "low"}});
}

TEST_CASE("LOOP.4 reasoning_effort is mapped, and none turns thinking off", "[anthropic]") {
  auto x = claude();
  x.parameters.thinking = config::thinking_config{true, 4000};
  auto body = chat({user("hi")});
  body["reasoning_effort"] = "none";
  CHECK_FALSE(x.sent(body).contains("thinking"));
  body["reasoning_effort"] = "medium";
  CHECK(x.sent(body)["thinking"]["budget_tokens"] == 8192);
  auto old = claude("claude-3-opus");
  CHECK(old.build(body).dropped == std::vector<std::string>{"reasoning_effort"});
}

TEST_CASE("LOOP.4 broken arguments are the client's fault and name the field", "[anthropic]") {
  for (const auto kind : {provider_kind::anthropic, provider_kind::gemini})
    for (const auto* arguments : {"{\"a\":", "[1]", "7"}) {
      const auto built = attempt{kind}.build(
          chat({user("hi"),
                {{"role", "assistant"}, {"tool_calls", json::array({call("a", "f", arguments)})}},
                {{"role", "tool"}, {"tool_call_id", "a"}, {"content", "1"}}}));
      REQUIRE(built.failure);
      CHECK(built.failure->kind == failure_class::client_fault);
      CHECK(built.failure->status == 400);
      CHECK(built.failure->param == "messages[1].tool_calls[0].function.arguments");
    }
}

TEST_CASE("ANTHROPIC.6 tools and their choice are translated", "[anthropic]") {
  auto body = chat({user("hi")});
  const json schema{{"type", "object"}, {"properties", {{"x", {{"type", "integer"}}}}}};
  body["tools"] = json::array({tool("f", schema)});
  const auto choice = [&](json value) {
    auto copy = body;
    copy["tool_choice"] = std::move(value);
    return claude().sent(copy)["tool_choice"];
  };
  CHECK(claude().sent(body)["tools"] == json::array({{{"name", "f"}, {"input_schema", schema}}}));
  CHECK(choice("auto") == json{{"type", "auto"}});
  CHECK(choice("none") == json{{"type", "none"}});
  CHECK(choice("required") == json{{"type", "any"}});
  CHECK(choice({{"type", "function"}, {"function", {{"name", "f"}}}})
        == json{{"type", "tool"}, {"name", "f"}});
  body["parallel_tool_calls"] = false;
  CHECK(choice(nullptr) == json{{"type", "auto"}, {"disable_parallel_tool_use", true}});
  CHECK(choice("required") == json{{"type", "any"}, {"disable_parallel_tool_use", true}});
}

TEST_CASE("ANTHROPIC.6 the tier's function_calling acts only with tools", "[anthropic]") {
  auto x = claude();
  x.parameters.function_calling = "required";
  auto body = chat({user("hi")});
  CHECK_FALSE(x.sent(body).contains("tool_choice"));
  body["tools"] = json::array({tool("f")});
  CHECK(x.sent(body)["tool_choice"] == json{{"type", "any"}});
  x.parameters.thinking = config::thinking_config{true, 2000};
  CHECK(x.sent(body)["tool_choice"] == json{{"type", "auto"}}); // Forced calls exclude thinking.
}

TEST_CASE("signed thoughts go back in tool loops, without them thinking is off", "[anthropic]") {
  auto x = claude();
  x.parameters.thinking = config::thinking_config{true, 2000};
  json turn{
      {"role", "assistant"}, {"content", "x"}, {"tool_calls", json::array({call("a", "f", "{}")})}};
  const json result{{"role", "tool"}, {"tool_call_id", "a"}, {"content", "1"}};
  CHECK_FALSE(x.sent(chat({user("hi"), turn, result})).contains("thinking"));
  const json thought{{"type", "thinking"}, {"thinking", "hm"}, {"signature", "sig"}};
  turn["thinking_blocks"] = {{{"type", "thinking"}, {"thinking", "x"}, {"signature", ""}}, thought};
  const auto sent = x.sent(chat({user("hi"), turn, result}));
  CHECK(sent.contains("thinking"));
  CHECK(sent["messages"][1]["content"][0] == thought);
  CHECK(sent["messages"][1]["content"][1]["type"] == "text");
}

TEST_CASE("images and files become blocks", "[anthropic]") {
  const auto sent = claude().sent(chat(
      {{{"role", "user"},
        {"content",
         {{{"type", "image_url"}, {"image_url", {{"url", "data:image/png;base64,AAAA"}}}},
          {{"type", "image_url"}, {"image_url", {{"url", "https://h/x.png"}}}},
          {{"type", "file"},
           {"file", {{"file_data", "data:application/pdf;base64,BBBB"}, {"filename", "a"}}}}}}}}));
  const auto& content = sent["messages"][0]["content"];
  CHECK(content[0]["source"]
        == json{{"type", "base64"}, {"media_type", "image/png"}, {"data", "AAAA"}});
  CHECK(content[1]["source"] == json{{"type", "url"}, {"url", "https://h/x.png"}});
  CHECK(content[2]["type"] == "document");
}

TEST_CASE("sampling is clamped, formats become instructions or schemas", "[anthropic]") {
  auto body = chat({user("hi")});
  body["temperature"] = 1.7;
  body["stop"] = "END";
  body["user"] = "u1";
  body["response_format"] = {{"type", "json_object"}};
  auto sent = claude().sent(body);
  CHECK(sent["temperature"] == 1);
  CHECK(sent["stop_sequences"] == json{"END"});
  CHECK(sent["metadata"] == json{{"user_id", "u1"}});
  CHECK(sent["system"].get<std::string>().find("JSON") != std::string::npos);
  body["response_format"] = {{"type", "json_schema"},
                             {"json_schema", {{"name", "n"}, {"schema", {{"type", "object"}}}}}};
  sent = claude().sent(body);
  CHECK(sent["output_config"]["format"]
        == json{{"type", "json_schema"}, {"schema", {{"type", "object"}}}});
}

TEST_CASE("what Anthropic cannot say is told or refused", "[anthropic]") {
  auto body = chat({user("hi")});
  body["logit_bias"] = {{"1", 2}};
  body["seed"] = 1;
  body["logprobs"] = nullptr;
  body["n"] = 1;
  CHECK(claude().build(body).dropped == std::vector<std::string>{"logit_bias", "seed"});
  body["n"] = 2;
  const auto built = claude().build(body);
  REQUIRE(built.failure);
  CHECK(built.failure->kind == failure_class::untranslatable);
  CHECK(built.failure->param == "n");
  auto x = claude();
  x.op = operation::embeddings;
  CHECK(x.build({{"model", "m"}, {"input", "x"}}).failure->kind == failure_class::untranslatable);
}

} // namespace
} // namespace echelon::providers::test
