#include "tests/gateway/front/front_samples.hpp"

using namespace echelon::gateway;
using namespace echelon::test;

namespace {

const front& uut = openai_responses_front();

json body_with(const json& extra = json::object()) {
  json body = {{"model", "plan_group"}, {"input", "hi"}};
  body.update(extra);
  return body;
}

json canonical(const json& extra) {
  return accepted(uut, body_with(extra)).canonical.body();
}

json messages_of(json input) {
  return canonical({{"input", std::move(input)}})["messages"];
}

std::string item_fault(json item) {
  return fault(uut, body_with({{"input", json::array({std::move(item)})}}));
}

} // namespace

TEST_CASE("a plain Responses request becomes a chat request", "[front][responses]") {
  const auto request = accepted(uut, body_with({{"store", true}, {"metadata", {{"k", "v"}}}}));
  CHECK(request.target == "plan_group");
  CHECK_FALSE(request.canonical.stream);
  CHECK(request.canonical.body()
        == json{{"model", "plan_group"}, {"messages", {{{"role", "user"}, {"content", "hi"}}}}});
}

TEST_CASE("Responses fields are renamed", "[front][responses]") {
  const auto body = canonical({{"instructions", "S"},
                               {"max_output_tokens", 9},
                               {"reasoning", {{"effort", "low"}}},
                               {"temperature", 0.5},
                               {"top_p", 0.9},
                               {"user", "u"},
                               {"stream", true}});
  CHECK(body
        == json{{"model", "plan_group"},
                {"messages",
                 {{{"role", "system"}, {"content", "S"}}, {{"role", "user"}, {"content", "hi"}}}},
                {"max_completion_tokens", 9},
                {"reasoning_effort", "low"},
                {"temperature", 0.5},
                {"top_p", 0.9},
                {"user", "u"},
                {"stream", true},
                {"stream_options", {{"include_usage", true}}}});
}

TEST_CASE("input items become messages, and calls of one turn are one message",
          "[front][responses]") {
  const auto call = [](const char* id) {
    return json{{"type", "function_call"}, {"call_id", id}, {"name", "f"}, {"arguments", "{}"}};
  };
  const auto chat_call = [](const char* id) {
    return json{
        {"id", id}, {"type", "function"}, {"function", {{"name", "f"}, {"arguments", "{}"}}}};
  };
  const auto messages = messages_of(
      {{{"role", "user"}, {"content", {{{"type", "input_text"}, {"text", "a"}}}}},
       {{"type", "reasoning"}, {"id", "rs_1"}, {"summary", json::array()}},
       {{"type", "message"},
        {"role", "assistant"},
        {"content", {{{"type", "output_text"}, {"text", "b"}, {"annotations", json::array()}}}}},
       call("x"),
       call("y"),
       {{"type", "function_call_output"}, {"call_id", "x"}, {"output", "1"}},
       {{"type", "function_call_output"},
        {"call_id", "y"},
        {"output", {{{"type", "input_text"}, {"text", "2"}}}}},
       call("z")});
  CHECK(messages
        == json{{{"role", "user"}, {"content", "a"}},
                {{"role", "assistant"},
                 {"content", "b"},
                 {"tool_calls", {chat_call("x"), chat_call("y")}}},
                {{"role", "tool"}, {"tool_call_id", "x"}, {"content", "1"}},
                {{"role", "tool"}, {"tool_call_id", "y"}, {"content", "2"}},
                {{"role", "assistant"}, {"content", nullptr}, {"tool_calls", {chat_call("z")}}}});
}

TEST_CASE("input parts become chat parts", "[front][responses]") {
  const json parts = {
      {{"type", "input_text"}, {"text", "a"}},
      {{"type", "input_image"}, {"image_url", "https://e.com/i"}, {"detail", "low"}},
      {{"type", "input_file"},
       {"filename", "a.pdf"},
       {"file_data", "data:application/pdf;base64,B"}}};
  CHECK(messages_of({{{"role", "user"}, {"content", parts}}})[0]["content"]
        == json{
            {{"type", "text"}, {"text", "a"}},
            {{"type", "image_url"}, {"image_url", {{"url", "https://e.com/i"}, {"detail", "low"}}}},
            {{"type", "file"},
             {"file", {{"filename", "a.pdf"}, {"file_data", "data:application/pdf;base64,B"}}}}});
}

TEST_CASE("Responses tools are flat, chat tools are not", "[front][responses]") {
  const json tools = {{{"type", "function"},
                       {"name", "f"},
                       {"parameters", {{"type", "object"}}},
                       {"strict", true}}};
  const auto body = canonical({{"tools", tools},
                               {"tool_choice", {{"type", "function"}, {"name", "f"}}},
                               {"parallel_tool_calls", false}});
  CHECK(body["tools"]
        == json{{{"type", "function"},
                 {"function",
                  {{"name", "f"}, {"parameters", {{"type", "object"}}}, {"strict", true}}}}});
  CHECK(body["tool_choice"] == json{{"type", "function"}, {"function", {{"name", "f"}}}});
  CHECK(body["parallel_tool_calls"] == false);
  const auto bare = canonical({{"tool_choice", "auto"}, {"parallel_tool_calls", true}});
  CHECK_FALSE(bare.contains("tool_choice"));
  CHECK_FALSE(bare.contains("parallel_tool_calls"));
}

TEST_CASE("a text format becomes a response format", "[front][responses]") {
  const auto format = [](json value) {
    return canonical({{"text", {{"format", std::move(value)}}}});
  };
  CHECK_FALSE(format({{"type", "text"}}).contains("response_format"));
  CHECK(format({{"type", "json_object"}})["response_format"] == json{{"type", "json_object"}});
  CHECK(format({{"type", "json_schema"},
                {"name", "n"},
                {"schema", {{"type", "object"}}}})["response_format"]
        == json{{"type", "json_schema"},
                {"json_schema", {{"name", "n"}, {"schema", {{"type", "object"}}}}}});
}

TEST_CASE("what needs stored state is refused", "[front][responses]") {
  CHECK(fault(uut, body_with({{"previous_response_id", "resp_1"}})) == "previous_response_id");
  CHECK(fault(uut, body_with({{"conversation", "conv_1"}})) == "conversation");
  CHECK(fault(uut, body_with({{"background", true}})) == "background");
  CHECK(item_fault({{"type", "item_reference"}, {"id", "msg_1"}}) == "input[0].type");
  CHECK(canonical({{"previous_response_id", nullptr}, {"background", false}}).contains("messages"));
}

TEST_CASE("a wrong field of a Responses request is named", "[front][responses]") {
  CHECK(fault(uut, {{"input", "hi"}}) == "model");
  CHECK(fault(uut, {{"model", "t"}}) == "input");
  CHECK(fault(uut, body_with({{"input", json::array()}})) == "input");
  CHECK(fault(uut, body_with({{"input", 4}})) == "input");
  CHECK(fault(uut, body_with({{"stream", "true"}})) == "stream");
  CHECK(fault(uut, body_with({{"max_output_tokens", "9"}})) == "max_output_tokens");
  CHECK(fault(uut, body_with({{"tools", {{{"type", "web_search"}}}}})) == "tools[0].type");
  CHECK(fault(uut, body_with({{"tool_choice", {{"type", "file_search"}}}})) == "tool_choice.type");
  CHECK(fault(uut, body_with({{"text", {{"format", {{"type", "xml"}}}}}})) == "text.format.type");
  CHECK(item_fault("hi") == "input[0]");
  CHECK(item_fault({{"role", "robot"}, {"content", "x"}}) == "input[0].role");
  CHECK(item_fault({{"type", "function_call"}, {"call_id", "a"}, {"name", "f"}})
        == "input[0].arguments");
  CHECK(item_fault({{"role", "user"}, {"content", {{{"type", "input_image"}, {"file_id", "f"}}}}})
        == "input[0].content[0].file_id");
}
