#include "tests/gateway/front/front_samples.hpp"

using namespace echelon::gateway;
using namespace echelon::test;

namespace {

const front& uut = anthropic_messages_front();

json body_with(const json& extra = json::object()) {
  json body = {{"model", "plan_group"},
               {"max_tokens", 100},
               {"messages", {{{"role", "user"}, {"content", "hi"}}}}};
  body.update(extra);
  return body;
}

json canonical(const json& extra) {
  return accepted(uut, body_with(extra)).canonical.body();
}

/// Canonical messages of one turn with these content blocks.
json turn(const char* role, json blocks) {
  const json message = {{"role", role}, {"content", std::move(blocks)}};
  return canonical({{"messages", json::array({message})}})["messages"];
}

std::string turn_fault(const char* role, json block) {
  const json message = {{"role", role}, {"content", json::array({std::move(block)})}};
  return fault(uut, body_with({{"messages", json::array({message})}}));
}

} // namespace

TEST_CASE("a plain Messages request becomes a chat request", "[front][anthropic]") {
  const auto request = accepted(uut, body_with());
  CHECK(request.target == "plan_group");
  CHECK_FALSE(request.canonical.stream);
  CHECK(request.canonical.body()
        == json{{"model", "plan_group"},
                {"max_tokens", 100},
                {"messages", {{{"role", "user"}, {"content", "hi"}}}}});
}

TEST_CASE("a Messages stream always asks for usage", "[front][anthropic]") {
  const auto request = accepted(uut, body_with({{"stream", true}}));
  CHECK(request.canonical.stream);
  CHECK(request.include_usage);
  CHECK(request.canonical.body()["stream"] == true);
  CHECK(request.canonical.body()["stream_options"] == json{{"include_usage", true}});
  CHECK(fault(uut, body_with({{"stream", "true"}})) == "stream");
}

TEST_CASE("system text comes first, all of it", "[front][anthropic]") {
  CHECK(canonical({{"system", "A"}})["messages"][0] == json{{"role", "system"}, {"content", "A"}});
  const json blocks = {
      {{"type", "text"}, {"text", "A"}, {"cache_control", {{"type", "ephemeral"}}}},
      {{"type", "text"}, {"text", "B"}}};
  CHECK(canonical({{"system", blocks}})["messages"][0]["content"] == "A\n\nB");
  CHECK(canonical({{"system", ""}})["messages"].size() == 1);
}

TEST_CASE("sampling fields are renamed or kept", "[front][anthropic]") {
  const auto body = canonical({{"temperature", 0.3},
                               {"top_p", 0.9},
                               {"top_k", 40},
                               {"stop_sequences", {"x", "y"}},
                               {"metadata", {{"user_id", "u1"}}},
                               {"output_config", {{"effort", "high"}}}});
  CHECK(body["temperature"] == 0.3);
  CHECK(body["top_p"] == 0.9);
  CHECK(body["top_k"] == 40);
  CHECK_FALSE(canonical({{"top_k", -1}}).contains("top_k"));
  CHECK(fault(uut, body_with({{"top_k", -2}})) == "top_k");
  CHECK(body["stop"] == json{"x", "y"});
  CHECK(body["user"] == "u1");
  CHECK(body["reasoning_effort"] == "high");
}

TEST_CASE("thinking is kept for the adapters", "[front][anthropic]") {
  for (const json& thinking : {json{{"type", "enabled"}, {"budget_tokens", 2000}},
                               json{{"type", "adaptive"}}, json{{"type", "disabled"}}})
    CHECK(canonical({{"thinking", thinking}})["thinking"] == thinking);
  CHECK(fault(uut, body_with({{"thinking", {{"type", "enabled"}}}})) == "thinking.budget_tokens");
  CHECK(fault(uut, body_with({{"thinking", {{"type", "much"}}}})) == "thinking.type");
}

TEST_CASE("ANTHROPIC.6 tools and tool_choice become OpenAI's", "[front][anthropic]") {
  const json tools = {
      {{"name", "f"}, {"description", "d"}, {"input_schema", {{"type", "object"}}}}};
  const auto choice = [&](json value) {
    return canonical({{"tools", tools}, {"tool_choice", std::move(value)}});
  };
  const auto body = choice({{"type", "auto"}});
  CHECK(body["tools"]
        == json{{{"type", "function"},
                 {"function",
                  {{"name", "f"}, {"description", "d"}, {"parameters", {{"type", "object"}}}}}}});
  CHECK(body["tool_choice"] == "auto");
  CHECK_FALSE(body.contains("parallel_tool_calls"));
  CHECK(choice({{"type", "none"}})["tool_choice"] == "none");
  const auto any = choice({{"type", "any"}, {"disable_parallel_tool_use", true}});
  CHECK(any["tool_choice"] == "required");
  CHECK(any["parallel_tool_calls"] == false);
  CHECK(choice({{"type", "tool"}, {"name", "f"}})["tool_choice"]
        == json{{"type", "function"}, {"function", {{"name", "f"}}}});
  CHECK_FALSE(canonical({{"tool_choice", {{"type", "any"}}}}).contains("tool_choice"));
}

TEST_CASE("an output schema becomes a response format", "[front][anthropic]") {
  const json format = {{"type", "json_schema"}, {"schema", {{"type", "object"}}}};
  CHECK(canonical({{"output_config", {{"format", format}}}})["response_format"]
        == json{{"type", "json_schema"},
                {"json_schema",
                 {{"name", "output"}, {"strict", true}, {"schema", {{"type", "object"}}}}}});
}

TEST_CASE("user blocks become parts, one text a plain string", "[front][anthropic]") {
  const json text = {{"type", "text"}, {"text", "look"}};
  CHECK(turn("user", json::array({text})) == json{{{"role", "user"}, {"content", "look"}}});
  const auto source = [](json value) {
    return json{{"type", "image"}, {"source", std::move(value)}};
  };
  const auto parts =
      turn("user",
           {text,
            source({{"type", "base64"}, {"media_type", "image/png"}, {"data", "AAA="}}),
            source({{"type", "url"}, {"url", "https://example.com/i.png"}}),
            {{"type", "document"},
             {"title", "a.pdf"},
             {"source", {{"type", "base64"}, {"media_type", "application/pdf"}, {"data", "BBB="}}}},
            {{"type", "document"},
             {"source",
              {{"type", "text"}, {"media_type", "text/plain"}, {"data", "note"}}}}})[0]["content"];
  CHECK(parts
        == json::array(
            {text,
             {{"type", "image_url"}, {"image_url", {{"url", "data:image/png;base64,AAA="}}}},
             {{"type", "image_url"}, {"image_url", {{"url", "https://example.com/i.png"}}}},
             {{"type", "file"},
              {"file", {{"filename", "a.pdf"}, {"file_data", "data:application/pdf;base64,BBB="}}}},
             {{"type", "text"}, {"text", "note"}}}));
}

TEST_CASE("ANTHROPIC.1 tool results become tool messages before the user's text",
          "[front][anthropic]") {
  const json image = {{"type", "image"}, {"source", {{"type", "url"}, {"url", "https://e.com/i"}}}};
  const auto messages =
      turn("user", {{{"type", "tool_result"}, {"tool_use_id", "a"}, {"content", "1"}},
                    {{"type", "tool_result"},
                     {"tool_use_id", "b"},
                     {"is_error", true},
                     {"content", {{{"type", "text"}, {"text", "2"}}, image}}},
                    {{"type", "tool_result"}, {"tool_use_id", "c"}},
                    {{"type", "text"}, {"text", "go on"}}});
  REQUIRE(messages.size() == 4);
  CHECK(messages[0] == json{{"role", "tool"}, {"tool_call_id", "a"}, {"content", "1"}});
  CHECK(messages[1] == json{{"role", "tool"}, {"tool_call_id", "b"}, {"content", "Error: 2"}});
  CHECK(messages[2] == json{{"role", "tool"}, {"tool_call_id", "c"}, {"content", ""}});
  CHECK(messages[3]["role"] == "user");
  CHECK(messages[3]["content"][0]["image_url"]["url"] == "https://e.com/i");
  CHECK(messages[3]["content"][1]["text"] == "go on");
}

TEST_CASE("an assistant turn keeps text, calls and signed thoughts", "[front][anthropic]") {
  const json thought = {{"type", "thinking"}, {"thinking", "hm"}, {"signature", "S"}};
  const json redacted = {{"type", "redacted_thinking"}, {"data", "D"}};
  const json call = {{"type", "tool_use"}, {"id", "a"}, {"name", "f"}, {"input", {{"q", 1}}}};
  const auto message =
      turn("assistant", {thought, redacted, {{"type", "text"}, {"text", "x"}}, call})[0];
  CHECK(message
        == json{{"role", "assistant"},
                {"content", "x"},
                {"reasoning_content", "hm"},
                {"thinking_blocks", {thought, redacted}},
                {"tool_calls",
                 {{{"id", "a"},
                   {"type", "function"},
                   {"function", {{"name", "f"}, {"arguments", R"({"q":1})"}}}}}}});
  CHECK(turn("assistant", json::array({call}))[0]["content"].is_null());
}

TEST_CASE("a wrong field of a Messages request is named", "[front][anthropic]") {
  auto body = body_with();
  body.erase("max_tokens");
  CHECK(fault(uut, body) == "max_tokens");
  CHECK(fault(uut, body_with({{"max_tokens", 0}})) == "max_tokens");
  CHECK(fault(uut, body_with({{"model", nullptr}})) == "model");
  CHECK(fault(uut, body_with({{"messages", json::array()}})) == "messages");
  CHECK(fault(uut, body_with({{"messages", {{{"role", "tool"}, {"content", "x"}}}}}))
        == "messages[0].role");
  CHECK(turn_fault("user", {{"type", "text"}}) == "messages[0].content[0].text");
  CHECK(turn_fault("user", {{"type", "tool_result"}}) == "messages[0].content[0].tool_use_id");
  CHECK(turn_fault("assistant", {{"type", "tool_use"}, {"id", "a"}, {"name", "f"}, {"input", "x"}})
        == "messages[0].content[0].input");
  CHECK(fault(uut, body_with({{"tools", {{{"name", "f"}}}}})) == "tools[0].input_schema");
}

TEST_CASE("what only Anthropic models understand is kept, and named for others",
          "[front][anthropic]") {
  const auto beyond = [](const json& extra) {
    const auto body = body_with(extra);
    const auto request = accepted(uut, body);
    REQUIRE(request.canonical.native);
    CHECK(request.canonical.native->body == body);
    CHECK(request.canonical.native->beyond.empty() == request.canonical.native->beyond_why.empty());
    return request.canonical.native->beyond;
  };
  const auto of_turn = [&](const char* role, json block) {
    const json message = {{"role", role}, {"content", json::array({std::move(block)})}};
    return beyond({{"messages", json::array({message})}});
  };
  CHECK(beyond(json::object()).empty());
  CHECK(of_turn("user", {{"type", "text"}, {"text", "x"}, {"cache_control", json::object()}})
            .empty());
  CHECK(of_turn("user", {{"type", "video"}}) == "messages[0].content[0].type");
  CHECK(of_turn("user", {{"type", "image"}, {"source", {{"type", "file"}}}})
        == "messages[0].content[0].source.type");
  CHECK(of_turn("user", {{"type", "document"}, {"source", {{"type", "url"}}}})
        == "messages[0].content[0].source.type");
  CHECK(of_turn("assistant", {{"type", "server_tool_use"}}) == "messages[0].content[0].type");
  CHECK(beyond({{"tools", {{{"type", "web_search_20250305"}, {"name", "w"}}}}}) == "tools[0].type");
  CHECK(beyond({{"mcp_servers", {{{"name", "s"}}}}}) == "mcp_servers");
}
