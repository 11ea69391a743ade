// What the simulated upstreams answer, without I/O.
#include "fetch.hpp"

#include "providers/simulator/engine.hpp"
#include "providers/simulator/render.hpp"

#include <catch2/catch.hpp>

using namespace echelon;
using namespace echelon::providers;
using namespace std::chrono_literals;
using nlohmann::json;
using test::post;

namespace {

std::shared_ptr<simulator_engine> engine(const std::string& script = "") {
  return std::make_shared<simulator_engine>(parse_script(script, "s"));
}

std::string body_of(const simulated_answer& answer) {
  std::string out;
  for (const auto& piece : answer.pieces)
    out += piece.bytes;
  return out;
}

/// The data of each event.
std::vector<json> events_of(const simulated_answer& answer) {
  std::vector<json> out;
  std::istringstream lines{body_of(answer)};
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("data: {")) out.push_back(json::parse(line.substr(6)));
  return out;
}

http_request chat(json extra = json::object(), const std::string& prompt = "hello there") {
  json body{
      {"model", "gpt-4"},
      {"messages",
       {{{"role", "system"}, {"content", "be kind"}}, {{"role", "user"}, {"content", prompt}}}}};
  body.update(extra);
  return post("/v1/chat/completions", body.dump());
}

http_request messages(json extra = json::object()) {
  json body{{"model", "claude"},
            {"max_tokens", 99},
            {"messages", {{{"role", "user"}, {"content", {{{"type", "text"}, {"text", "hi"}}}}}}}};
  body.update(extra);
  return post("/v1/messages", body.dump());
}

http_request gemini(const std::string& verb, json extra = json::object()) {
  json body{{"contents", {{{"role", "user"}, {"parts", {{{"text", "hi"}}}}}}}};
  body.update(extra);
  return post("/v1beta/models/gemini-pro:" + verb, body.dump());
}

const json tool_schema{
    {"type", "object"},
    {"properties", {{"city", {{"type", "string"}}}, {"n", {{"type", "integer"}}}}}};
const json tool_arguments{{"city", "simulated"}, {"n", 1}};

} // namespace

TEST_CASE("the OpenAI answer echoes the last user message and counts its tokens") {
  const auto answer = engine()->plan(chat());
  CHECK(answer.status == 200);
  const auto body = json::parse(body_of(answer));
  CHECK(body["object"] == "chat.completion");
  CHECK(body["model"] == "gpt-4");
  CHECK(body["choices"][0]["message"]["content"] == "Simulated gpt-4 answer to: hello there");
  CHECK(body["choices"][0]["finish_reason"] == "stop");
  // "be kind" 7 bytes -> 2, "hello there" 11 -> 3; the answer's 38 -> 10.
  CHECK(body["usage"]["prompt_tokens"] == 5);
  CHECK(body["usage"]["completion_tokens"] == 10);
  CHECK(body["usage"]["total_tokens"] == 15);
}

TEST_CASE("the echo is cut at 200 bytes, between characters") {
  simulated_call call;
  call.model = "m";
  call.prompt = std::string(199, 'a') + "\xc3\xa9" + "b";
  CHECK(echo_text(call) == "Simulated m answer to: " + std::string(199, 'a'));
}

TEST_CASE("the OpenAI stream joins to the plain answer and ends properly") {
  const auto answer = engine()->plan(chat({{"stream", true}}));
  CHECK(answer.stream);
  CHECK(answer.headers.front()
        == std::pair<std::string, std::string>{"content-type", "text/event-stream"});
  CHECK(body_of(answer).ends_with("data: [DONE]\n\n"));
  const auto events = events_of(answer);
  std::string text;
  for (const auto& event : events) {
    CHECK(event["object"] == "chat.completion.chunk");
    CHECK_FALSE(event.contains("usage"));
    CHECK(event["id"] == events.front()["id"]);
    text += event["choices"][0]["delta"].value("content", "");
  }
  CHECK(text == "Simulated gpt-4 answer to: hello there");
  CHECK(events.front()["choices"][0]["delta"]["role"] == "assistant");
  CHECK(events.back()["choices"][0]["finish_reason"] == "stop");
}

TEST_CASE("the OpenAI stream has a usage chunk when it is asked for") {
  const auto events = events_of(
      engine()->plan(chat({{"stream", true}, {"stream_options", {{"include_usage", true}}}})));
  CHECK(events.front()["usage"].is_null());
  CHECK(events.back()["choices"].empty());
  CHECK(events.back()["usage"]["total_tokens"] == 15);
}

TEST_CASE("OpenAI tools are called when they are required or named, not when automatic") {
  const json tool{{"type", "function"},
                  {"function", {{"name", "weather"}, {"parameters", tool_schema}}}};
  const json other{{"type", "function"}, {"function", {{"name", "other"}}}};
  const json tools = json::array({other, tool});
  const json named{{"type", "function"}, {"function", {{"name", "weather"}}}};
  auto body =
      json::parse(body_of(engine()->plan(chat({{"tools", tools}, {"tool_choice", named}}))));
  const auto& call = body["choices"][0]["message"]["tool_calls"][0];
  CHECK(body["choices"][0]["finish_reason"] == "tool_calls");
  CHECK(body["choices"][0]["message"]["content"].is_null());
  CHECK(call["function"]["name"] == "weather");
  CHECK(json::parse(call["function"]["arguments"].get<std::string>()) == tool_arguments);
  body =
      json::parse(body_of(engine()->plan(chat({{"tools", tools}, {"tool_choice", "required"}}))));
  CHECK(body["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "other");
  body = json::parse(body_of(engine()->plan(chat({{"tools", tools}, {"tool_choice", "auto"}}))));
  CHECK(body["choices"][0]["finish_reason"] == "stop");

  const auto events =
      events_of(engine()->plan(chat({{"tools", tools}, {"tool_choice", named}, {"stream", true}})));
  std::string arguments;
  for (const auto& event : events) {
    const auto& delta = event["choices"][0]["delta"];
    if (delta.contains("tool_calls"))
      arguments += delta["tool_calls"][0]["function"].value("arguments", "");
  }
  CHECK(json::parse(arguments) == tool_arguments);
  CHECK(events.back()["choices"][0]["finish_reason"] == "tool_calls");
}

TEST_CASE("embeddings are the same for the same input, as numbers or base64") {
  const auto ask = [](json extra) {
    json body{{"model", "e"}, {"input", {"one", "two"}}, {"dimensions", 3}};
    body.update(extra);
    return json::parse(body_of(engine()->plan(post("/v1/embeddings", body.dump()))));
  };
  const auto plain = ask(json::object());
  REQUIRE(plain["data"].size() == 2);
  CHECK(plain["data"][1]["index"] == 1);
  CHECK(plain["data"][0]["embedding"].size() == 3);
  CHECK(plain["data"][0]["embedding"] != plain["data"][1]["embedding"]);
  CHECK(plain == ask(json::object()));
  CHECK(plain["usage"]["total_tokens"] == 2);
  // 3 floats of 4 bytes: 16 characters of base64 without padding.
  CHECK(ask({{"encoding_format", "base64"}})["data"][0]["embedding"].get<std::string>().size()
        == 16);
  CHECK(ask({{"input", "one"}})["data"][0]["embedding"] == plain["data"][0]["embedding"]);
  CHECK(ask({{"input", {1, 2, 3}}})["data"].size() == 1);
}

TEST_CASE("the Anthropic answer has blocks, a stop reason and usage") {
  const auto body = json::parse(body_of(
      engine()->plan(messages({{"thinking", {{"type", "enabled"}, {"budget_tokens", 1024}}}}))));
  CHECK(body["type"] == "message");
  CHECK(body["content"][0]["type"] == "thinking");
  CHECK(body["content"][0]["signature"].is_string());
  CHECK(body["content"][1]["text"] == "Simulated claude answer to: hi");
  CHECK(body["stop_reason"] == "end_turn");
  CHECK(body["usage"]["input_tokens"] == 1);
  CHECK(body["usage"]["output_tokens"] == 15); // 7 of thinking, 8 of text.
}

TEST_CASE("the Anthropic stream has the whole sequence of events") {
  const auto answer =
      engine()->plan(messages({{"stream", true}, {"thinking", {{"type", "adaptive"}}}}));
  std::vector<std::string> types;
  std::string text;
  for (const auto& event : events_of(answer)) {
    auto type = event["type"].get<std::string>();
    if (type == "content_block_delta") {
      type = event["delta"]["type"];
      text += event["delta"].value("text", "");
    }
    if (types.empty() || types.back() != type) types.push_back(type);
  }
  CHECK(text == "Simulated claude answer to: hi");
  CHECK(types
        == std::vector<std::string>{"message_start", "ping", "content_block_start",
                                    "thinking_delta", "signature_delta", "content_block_stop",
                                    "content_block_start", "text_delta", "content_block_stop",
                                    "message_delta", "message_stop"});
  CHECK(body_of(answer).starts_with("event: message_start\ndata: {"));
}

TEST_CASE("Anthropic tools are called with any or by name") {
  const json tools = json::array({{{"name", "weather"}, {"input_schema", tool_schema}}});
  const json any{{"type", "any"}};
  const auto body =
      json::parse(body_of(engine()->plan(messages({{"tools", tools}, {"tool_choice", any}}))));
  CHECK(body["content"][0]["type"] == "tool_use");
  CHECK(body["content"][0]["input"] == tool_arguments);
  CHECK(body["stop_reason"] == "tool_use");
  std::string arguments;
  for (const auto& event : events_of(
           engine()->plan(messages({{"tools", tools}, {"tool_choice", any}, {"stream", true}}))))
    if (event["type"] == "content_block_delta")
      arguments += event["delta"].value("partial_json", "");
  CHECK(json::parse(arguments) == tool_arguments);
}

TEST_CASE("Gemini answers plainly, in a stream and with embeddings") {
  auto body = json::parse(body_of(engine()->plan(gemini("generateContent"))));
  CHECK(body["candidates"][0]["content"]["parts"][0]["text"]
        == "Simulated gemini-pro answer to: hi");
  CHECK(body["candidates"][0]["finishReason"] == "STOP");
  CHECK(body["usageMetadata"]["totalTokenCount"] == 1 + 9); // 34 bytes -> 9.
  const json thinking{{"generationConfig", {{"thinkingConfig", {{"includeThoughts", true}}}}}};
  const auto answer = engine()->plan(gemini("streamGenerateContent?alt=sse", thinking));
  CHECK(answer.stream);
  const auto events = events_of(answer);
  CHECK(events.front()["candidates"][0]["content"]["parts"][0]["thought"] == true);
  CHECK(events.back()["candidates"][0]["finishReason"] == "STOP");
  CHECK(events.back()["usageMetadata"]["thoughtsTokenCount"] == 7);
  CHECK(body_of(answer).find("[DONE]") == std::string::npos);
  const json config{{"functionCallingConfig", {{"mode", "ANY"}, {"allowedFunctionNames", {"f"}}}}};
  const json tools = json::array({{{"functionDeclarations", {{{"name", "e"}}, {{"name", "f"}}}}}});
  body = json::parse(body_of(
      engine()->plan(gemini("generateContent", {{"toolConfig", config}, {"tools", tools}}))));
  CHECK(body["candidates"][0]["content"]["parts"][0]["functionCall"]["name"] == "f");
  const json one{{"content", {{"parts", {{{"text", "a"}}}}}}};
  body = json::parse(body_of(engine()->plan(
      post("/v1beta/models/emb:batchEmbedContents", json{{"requests", {one, one}}}.dump()))));
  REQUIRE(body["embeddings"].size() == 2);
  CHECK(body["embeddings"][0]["values"].size() == 8);
}

TEST_CASE("bad requests get an error in the shape of their API") {
  auto answer = engine()->plan(post("/v1/chat/completions", "{"));
  CHECK(answer.status == 400);
  CHECK(json::parse(body_of(answer))["error"]["type"] == "invalid_request_error");
  answer = engine()->plan(messages({{"max_tokens", nullptr}}));
  CHECK(answer.status == 400);
  CHECK(json::parse(body_of(answer))["type"] == "error");
  answer = engine()->plan(post("/v1beta/models/g:generateContent", "{}"));
  CHECK(json::parse(body_of(answer))["error"]["status"] == "INVALID_ARGUMENT");
  CHECK(engine()->plan(post("/v1/nothing", "{}")).status == 404);
}

TEST_CASE("the first rule that matches is played and nth counts requests") {
  const auto uut = engine(R"(rules:
  - {match: {model: gpt-4, nth: 2}, then: {status: 500}}
  - {match: {model: gpt-4, from: 2, to: 3}, then: {status: 503, headers: {Retry-After: 2}}}
  - {match: {contains: poison}, then: {status: 400}}
  - {match: {header: {X-A: "1"}}, then: {status: 401}}
  - {match: {path: /messages, stream: true}, then: {status: 529}})");
  std::vector<int> statuses;
  for (int i = 0; i < 4; ++i)
    statuses.push_back(uut->plan(chat()).status);
  CHECK(statuses == std::vector<int>{200, 500, 503, 200});
  CHECK(uut->plan(chat(json::object(), "poison")).status == 400);
  auto request = chat();
  request.headers.emplace_back("x-a", "1");
  CHECK(uut->plan(request).status == 401);
  CHECK(uut->plan(messages()).status == 200);
  const auto overloaded = uut->plan(messages({{"stream", true}}));
  CHECK(overloaded.status == 529);
  CHECK(json::parse(body_of(overloaded))["error"]["type"] == "overloaded_error");
}

TEST_CASE("a rule is spent after its repeats") {
  const auto uut =
      engine("rules: [{then: {status: 500, repeat: 2}}, {then: {status: 501, repeat: 1}}]");
  std::vector<int> statuses;
  for (int i = 0; i < 4; ++i)
    statuses.push_back(uut->plan(chat()).status);
  CHECK(statuses == std::vector<int>{500, 500, 501, 200});
  uut->reset();
  CHECK(uut->plan(chat()).status == 500);
}

TEST_CASE("scripted headers, bodies and texts replace what would be sent") {
  auto answer =
      engine(
          R"(rules: [{then: {status: 502, body: "<html>", headers: {Content-Type: text/html, A: b}}}])")
          ->plan(chat());
  CHECK(body_of(answer) == "<html>");
  const header_list expected{{"x-request-id", "sim-1"}, {"content-type", "text/html"}, {"a", "b"}};
  CHECK(answer.headers == expected);
  answer = engine("rules: [{then: {text: fixed}}]")->plan(chat());
  CHECK(json::parse(body_of(answer))["choices"][0]["message"]["content"] == "fixed");
  answer = engine("rules: [{then: {words: 5}}]")->plan(chat({{"stream", true}}));
  CHECK(answer.pieces.size() == 7); // Role, five words, the end.
}

TEST_CASE("a stream is cut after the chunks the script says, and waits as it says") {
  const auto answer =
      engine("rules: [{then: {cut_after: 2, latency: 1, first_token: 2, per_token: 3}}]")
          ->plan(chat({{"stream", true}}));
  CHECK(answer.ending == script_ending::cut);
  CHECK(answer.latency == 1s);
  REQUIRE(answer.pieces.size() == 3); // Role and two chunks of content.
  CHECK(answer.pieces[0].delay == 0s);
  CHECK(answer.pieces[1].delay == 2s);
  CHECK(answer.pieces[2].delay == 3s);
}

TEST_CASE("TRIGGER.2 an error event takes the place of the rest of a stream") {
  const auto uut = engine("rules: [{then: {error_event: {type: error, error: {type: "
                          "overloaded_error}}, error_after: 1}}]");
  const auto body = body_of(uut->plan(messages({{"stream", true}})));
  CHECK(body.ends_with(
      "event: error\ndata: {\"error\":{\"type\":\"overloaded_error\"},\"type\":\"error\"}\n\n"));
  CHECK(body.find("\"Simulated \"") != std::string::npos);
  CHECK(body.find("message_stop") == std::string::npos);
}

TEST_CASE("requests in flight are counted until their ticket goes") {
  const auto uut = engine("rules: [{match: {nth: 2}, then: {hang: true}}]");
  const auto start = std::chrono::steady_clock::now();
  {
    const auto first = uut->plan(chat(), start);
    const auto second = uut->plan(chat(), start + 1s);
    auto third = uut->plan(messages(), start + 2s);
    auto state = uut->state();
    CHECK(state["in_flight"] == 3);
    CHECK(state["models"]["gpt-4"]["in_flight"] == 2);
    third.ticket.release();
    third.ticket.release(); // Counts once.
    CHECK(uut->state()["models"]["claude"]["in_flight"] == 0);
  }
  auto state = uut->state();
  CHECK(state["requests"] == 3);
  CHECK(state["in_flight"] == 0);
  CHECK(state["max_in_flight"] == 3);
  CHECK(state["models"]["gpt-4"]["max_in_flight"] == 2);
  const auto& arrivals = state["models"]["gpt-4"]["arrivals"];
  REQUIRE(arrivals.size() == 2);
  CHECK(arrivals[0]["status"] == 200);
  CHECK(arrivals[1]["status"] == 0); // Never told.
  CHECK(arrivals[1]["ms"].get<int>() - arrivals[0]["ms"].get<int>() == 1000);
}

TEST_CASE("only the last 1000 arrivals of a model are kept") {
  const auto uut = engine();
  for (int i = 0; i < 1005; ++i)
    (void)uut->plan(chat());
  const auto state = uut->state();
  CHECK(state["models"]["gpt-4"]["requests"] == 1005);
  CHECK(state["models"]["gpt-4"]["arrivals"].size() == 1000);
}

TEST_CASE("the simulator is watched and changed by its own paths") {
  const auto uut = engine();
  const auto held = uut->plan(chat());
  const auto get = [&](const std::string& path) {
    auto request = post(path, "");
    request.method = "GET";
    return uut->plan(request);
  };
  CHECK(json::parse(body_of(get("/sim/state")))["models"]["gpt-4"]["requests"] == 1);
  const auto models = json::parse(body_of(get("/v1/models")));
  CHECK(models["data"][0]["id"] == "gpt-4");
  CHECK(uut->plan(post("/sim/reset", "")).status == 200);
  auto state = json::parse(body_of(get("/sim/state")));
  CHECK(state["requests"] == 0);
  CHECK(state["in_flight"] == 1); // Still running.
  CHECK(state["max_in_flight"] == 1);
  CHECK(uut->plan(post("/sim/script", "rules: [{then: {status: 500}}]")).status == 200);
  CHECK(uut->plan(chat()).status == 500);
  const auto refused = uut->plan(post("/sim/script", "rules: 5"));
  CHECK(refused.status == 400);
  CHECK(json::parse(body_of(refused))["error"] == "script:1:8: rules must be a list");
  CHECK(uut->plan(chat()).status == 500); // The old script stays.
  CHECK(uut->plan(post("/sim/nothing", "")).status == 404);
}
