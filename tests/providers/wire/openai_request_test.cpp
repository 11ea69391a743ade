#include "tests/providers/wire/support.hpp"

#include <catch2/catch.hpp>

namespace echelon::providers::test {
namespace {

using config::provider_kind;

TEST_CASE("HTTP.9 base URLs with and without a path give the same target", "[openai]") {
  attempt x{provider_kind::openai};
  for (const auto* url :
       {"http://h", "http://h/", "http://h/v1", "http://h/v1/", "http://[::1]:9"}) {
    x.provider.base_url = url;
    CHECK(x.build(chat({user("hi")})).request.target == "/v1/chat/completions");
  }
  x.provider.base_url = "https://h/azure/openai?x=1";
  CHECK(x.build(chat({user("hi")})).request.target == "/azure/openai/chat/completions");
  x.provider.base_url = "http://h";
  x.op = operation::embeddings;
  CHECK(x.build({{"model", "t"}, {"input", "a"}}).request.target == "/v1/embeddings");
}

TEST_CASE("a request goes out as it came, but for the model", "[openai]") {
  attempt x{provider_kind::openai, "gpt-4"};
  auto body = chat({user("hi")});
  body["some_unknown_field"] = {1, 2};
  body["temperature"] = 1.9;
  auto expected = body;
  expected["model"] = "gpt-4";
  CHECK(x.sent(body) == expected);
  CHECK(x.build(body).dropped.empty());
}

TEST_CASE("headers carry the key, the types and the provider's own", "[openai]") {
  attempt x{provider_kind::openai};
  x.provider.headers = {{"X-Team", "blue"}, {"Accept", "*/*"}};
  const auto headers = x.build(chat({user("hi")})).request.headers;
  CHECK(header(headers, "authorization") == "Bearer key-of-provider");
  CHECK(header(headers, "content-type") == "application/json");
  CHECK(header(headers, "accept-encoding") == "identity");
  CHECK(header(headers, "x-team") == "blue");
  CHECK(header(headers, "accept") == "*/*");
  x.key.clear();
  CHECK(header(x.build(chat({user("hi")})).request.headers, "authorization").empty());
}

TEST_CASE("a stream always asks for its usage", "[openai]") {
  attempt x{provider_kind::openai};
  x.stream = true;
  auto body = chat({user("hi")});
  body["stream"] = true;
  body["stream_options"] = {{"include_obfuscation", false}};
  const auto sent = x.sent(body);
  CHECK(sent["stream"] == true);
  CHECK(sent["stream_options"] == json{{"include_obfuscation", false}, {"include_usage", true}});
  x.stream = false;
  CHECK_FALSE(x.sent(body).contains("stream_options"));
}

TEST_CASE("the tier's parameters fill only what the client left unset", "[openai]") {
  attempt x{provider_kind::openai};
  x.parameters.temperature = 0.3;
  x.parameters.response_format = "json";
  x.parameters.function_calling = "required";
  auto body = chat({user("hi")});
  auto sent = x.sent(body);
  CHECK(sent["temperature"] == 0.3);
  CHECK(sent["response_format"] == json{{"type", "json_object"}});
  CHECK_FALSE(sent.contains("tool_choice")); // No tools.
  body["temperature"] = 0;
  body["response_format"] = {{"type", "text"}};
  body["tools"] = json::array({tool("f")});
  sent = x.sent(body);
  CHECK(sent["temperature"] == 0);
  CHECK(sent["response_format"] == json{{"type", "text"}});
  CHECK(sent["tool_choice"] == "required");
  body["tool_choice"] = "none";
  CHECK(x.sent(body)["tool_choice"] == "none");
}

TEST_CASE("thinking becomes an effort where the model has one", "[openai]") {
  attempt x{provider_kind::openai};
  x.parameters.thinking = config::thinking_config{true, 4000};
  x.parameters.temperature = 0.3;
  auto body = chat({user("hi")});
  body["max_tokens"] = 9;
  CHECK_FALSE(x.sent(body).contains("reasoning_effort"));
  x.model.thinking = "effort";
  const auto sent = x.sent(body);
  CHECK(sent["reasoning_effort"] == "low");
  CHECK(sent["max_completion_tokens"] == 9);
  CHECK_FALSE(sent.contains("max_tokens"));
  CHECK_FALSE(sent.contains("temperature"));
  body["reasoning_effort"] = "high";
  CHECK(x.sent(body)["reasoning_effort"] == "high");
}

TEST_CASE("fields of the canonical form stay here", "[openai]") {
  attempt x{provider_kind::openai};
  json message{{"role", "assistant"},
               {"content", "x"},
               {"reasoning_content", "hm"},
               {"thinking_blocks", json::array()},
               {"tool_calls", json::array({call("a", "f", "{}")})}};
  message["tool_calls"][0]["extra_content"] = {{"google", 1}};
  auto body = chat({user("hi"), message});
  body["thinking"] = {{"type", "enabled"}, {"budget_tokens", 2000}};
  const auto built = x.build(body);
  const auto sent = json::parse(built.request.body);
  CHECK(sent["messages"][1]
        == json{{"role", "assistant"},
                {"content", "x"},
                {"tool_calls", json::array({call("a", "f", "{}")})}});
  CHECK_FALSE(sent.contains("thinking"));
  CHECK(built.dropped == std::vector<std::string>{"thinking"});
}

TEST_CASE("GEMINI.2 schemas reach an OpenAI model untouched", "[openai]") {
  attempt x{provider_kind::openai};
  auto body = chat({user("hi")});
  body["tools"] = json::array(
      {tool("f", {{"$schema", "s"}, {"additionalProperties", false}, {"$defs", {{"a", 1}}}})});
  CHECK(x.sent(body)["tools"] == body["tools"]);
}

TEST_CASE("the simulator speaks OpenAI's format", "[openai]") {
  CHECK(&adapter_for(provider_kind::simulator) == &adapter_for(provider_kind::openai));
}

TEST_CASE("a body that is no object is the client's fault", "[openai]") {
  for (const auto kind : {provider_kind::openai, provider_kind::anthropic, provider_kind::gemini}) {
    const auto built = attempt{kind}.build(json::array());
    REQUIRE(built.failure);
    CHECK(built.failure->kind == policy::failure_class::client_fault);
  }
}

} // namespace
} // namespace echelon::providers::test
