#include "tests/gateway/front/front_samples.hpp"

using namespace echelon::gateway;
using namespace echelon::test;

namespace {

const front& uut = anthropic_messages_front();

json answered(json message, const char* finish_reason) {
  return json::parse(uut.answer({.target = "t"}, answer_of(std::move(message), finish_reason)));
}

json call_of(const char* arguments) {
  return {{"content", nullptr},
          {"tool_calls", {{{"id", "a"}, {"function", {{"name", "f"}, {"arguments", arguments}}}}}}};
}

std::string error_type(int status) {
  return json::parse(uut.error_body({.status = status, .message = "m"}, "req_1"))["error"]["type"];
}

} // namespace

TEST_CASE("a chat answer becomes a Message", "[front][anthropic]") {
  const json thought = {{"type", "thinking"}, {"thinking", "hm"}, {"signature", "S"}};
  auto message = call_of(R"({"x":1})");
  message.update(
      {{"content", "Hello"}, {"reasoning_content", "hm"}, {"thinking_blocks", {thought}}});
  CHECK(answered(message, "tool_calls")
        == json{{"id", "msg_1"},
                {"type", "message"},
                {"role", "assistant"},
                {"model", "m"},
                {"content",
                 {thought,
                  {{"type", "text"}, {"text", "Hello"}},
                  {{"type", "tool_use"}, {"id", "a"}, {"name", "f"}, {"input", {{"x", 1}}}}}},
                {"stop_reason", "tool_use"},
                {"stop_sequence", nullptr},
                {"usage",
                 {{"input_tokens", 21},
                  {"cache_creation_input_tokens", 0},
                  {"cache_read_input_tokens", 4},
                  {"output_tokens", 33}}}});
}

TEST_CASE("thoughts without blocks become an unsigned block", "[front][anthropic]") {
  const auto content = answered({{"content", "x"}, {"reasoning_content", "hm"}}, "stop")["content"];
  REQUIRE(content.size() == 2);
  CHECK(content[0] == json{{"type", "thinking"}, {"thinking", "hm"}, {"signature", ""}});
}

TEST_CASE("finish reasons become stop reasons", "[front][anthropic]") {
  const auto reason = [](const char* finish) {
    return answered({{"content", "x"}}, finish)["stop_reason"].get<std::string>();
  };
  CHECK(reason("stop") == "end_turn");
  CHECK(reason("length") == "max_tokens");
  CHECK(reason("content_filter") == "refusal");
  CHECK(answered(call_of("{}"), "stop")["stop_reason"] == "tool_use");
}

TEST_CASE("SHAPE.4 tool input is always an object", "[front][anthropic]") {
  const auto input = [](const char* arguments) {
    return answered(call_of(arguments), "tool_calls")["content"][0]["input"];
  };
  CHECK(input("") == json::object());
  CHECK(input("{}") == json::object());
  CHECK(input("{\"a\":") == json{{"raw_arguments", "{\"a\":"}});
  CHECK(input("[1]") == json{{"raw_arguments", "[1]"}});
}

TEST_CASE("an answer of a strange form is still a Message", "[front][anthropic]") {
  for (const json& canonical : {json(), json::array(), json{{"choices", 4}},
                                json{{"choices", {nullptr}}}, json{{"usage", "x"}}}) {
    const auto message = json::parse(uut.answer({.target = "t"}, canonical));
    CHECK(message["type"] == "message");
    CHECK(message["model"] == "t");
    CHECK(message["content"] == json::array());
    CHECK(message["id"].get<std::string>().starts_with("msg_"));
    CHECK(message["usage"]["output_tokens"] == 0);
  }
}

TEST_CASE("an Anthropic error has its type by status and the request's id", "[front][anthropic]") {
  CHECK(json::parse(uut.error_body({.status = 404, .message = "no model"}, "req_1"))
        == json{{"type", "error"},
                {"error", {{"type", "not_found_error"}, {"message", "no model"}}},
                {"request_id", "req_1"}});
  CHECK(error_type(400) == "invalid_request_error");
  CHECK(error_type(401) == "authentication_error");
  CHECK(error_type(402) == "billing_error");
  CHECK(error_type(403) == "permission_error");
  CHECK(error_type(413) == "request_too_large");
  CHECK(error_type(422) == "invalid_request_error");
  CHECK(error_type(429) == "rate_limit_error");
  CHECK(error_type(500) == "api_error");
  CHECK(error_type(502) == "api_error");
  CHECK(error_type(503) == "overloaded_error");
  CHECK(error_type(504) == "timeout_error");
  CHECK(error_type(529) == "overloaded_error");
}
