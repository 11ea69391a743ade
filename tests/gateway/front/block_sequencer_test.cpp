#include "gateway/front/block_sequencer.hpp"

#include "tests/gateway/front/front_samples.hpp"

using namespace echelon::gateway;
using namespace echelon::test;

namespace {

/// Writes down what a sequencer passes on, such as `<f id "text" >`.
struct recorder final : block_sink {
  std::string seen;
  void open(const block_head& head) override {
    constexpr const char* names[] = {"text", "refusal", "thinking", "redacted", "tool"};
    seen += std::string{"<"} + names[static_cast<std::size_t>(head.kind)];
    for (const auto& part : {head.id, head.name, head.data})
      if (!part.empty()) seen += ' ' + part;
    seen += '|';
  }
  void append(std::string_view text) override { seen.append(text).append("|"); }
  void close(std::string_view signature) override { seen.append(signature).append("> "); }
  [[nodiscard]] std::string take() { return std::exchange(seen, {}); }
};

struct fixture {
  recorder sink;
  block_sequencer uut{sink};
  std::string take(const json& chunk) {
    uut.take(chunk);
    return sink.take();
  }
  std::string flush() {
    uut.flush();
    return sink.take();
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "text is passed on as it comes", "[front][blocks]") {
  CHECK(take(chunk_of({{"role", "assistant"}, {"content", ""}})) == "");
  CHECK(take(text_chunk("Hel")) == "<text|Hel|");
  CHECK(take(text_chunk("lo")) == "lo|");
  CHECK(take(chunk_of({}, "stop")) == "");
  CHECK(flush() == "> ");
  CHECK(uut.finish_reason() == "stop");
}

TEST_CASE_METHOD(fixture, "a thought ends with its signature when text begins", "[front][blocks]") {
  CHECK(take(chunk_of({{"reasoning_content", "hm"}})) == "<thinking|hm|");
  CHECK(take(chunk_of({{"thinking_blocks",
                        {{{"type", "thinking"}, {"thinking", "hm"}, {"signature", "S"}}}}}))
        == "");
  CHECK(take(text_chunk("x")) == "S> <text|x|");
}

TEST_CASE_METHOD(fixture, "a thought may come as a block alone", "[front][blocks]") {
  CHECK(take(chunk_of({{"thinking_blocks",
                        {{{"type", "thinking"}, {"thinking", "hm"}, {"signature", "S"}},
                         {{"type", "redacted_thinking"}, {"data", "D"}}}}}))
        == "<thinking|hm|S> <redacted D|");
  CHECK(flush() == "> ");
}

TEST_CASE_METHOD(fixture, "SHAPE.3 tool calls one after the other stay apart", "[front][blocks]") {
  CHECK(take(tool_chunk(0, "a", "f", "")) == "<tool a f|");
  CHECK(take(tool_chunk(0, nullptr, nullptr, R"({"x":)")) == R"({"x":|)");
  CHECK(take(tool_chunk(0, nullptr, nullptr, "1}")) == "1}|");
  CHECK(take(tool_chunk(1, "b", "g", R"({"y":2})")) == R"(> <tool b g|{"y":2}|)");
  CHECK(flush() == "> ");
  CHECK(uut.saw_tool());
}

TEST_CASE_METHOD(fixture, "SHAPE.3 mixed tool calls are put in order", "[front][blocks]") {
  CHECK(take(tool_chunk(0, "a", "f", "")) == "<tool a f|");
  CHECK(take(tool_chunk(1, "b", "g", "{")) == "");
  CHECK(take(tool_chunk(0, nullptr, nullptr, "{")) == "{|");
  CHECK(take(tool_chunk(1, nullptr, nullptr, "}")) == "");
  CHECK(take(tool_chunk(0, nullptr, nullptr, "}")) == "}|> <tool b g|{}|");
  CHECK(flush() == "> ");
}

TEST_CASE_METHOD(fixture, "calls without arguments and without a name come at the end",
                 "[front][blocks]") {
  CHECK(take(tool_chunk(0, "a", "f", "")) == "<tool a f|");
  CHECK(take(tool_chunk(1, "b", nullptr, "")) == "");
  CHECK(flush() == "> <tool b|> ");
}

TEST_CASE_METHOD(fixture, "a tool call without an index is told apart by its id",
                 "[front][blocks]") {
  const auto piece = [](json call) { return chunk_of({{"tool_calls", json::array({call})}}); };
  CHECK(take(piece({{"id", "a"}, {"function", {{"name", "f"}, {"arguments", "{"}}}}))
        == "<tool a f|{|");
  CHECK(take(piece({{"function", {{"arguments", "}"}}}})) == "}|");
  CHECK(take(piece({{"id", "b"}, {"function", {{"name", "g"}, {"arguments", "{}"}}}}))
        == "> <tool b g|{}|");
}

TEST_CASE_METHOD(fixture, "other choices and shapes never seen are ignored", "[front][blocks]") {
  auto second = text_chunk("x");
  second["choices"][0]["index"] = 1;
  for (const json& chunk : {second, json(1), json{{"choices", 4}}, json{{"choices", {nullptr}}},
                            chunk_of("text"), chunk_of({{"content", 4}, {"tool_calls", {1, "x"}}})})
    uut.take(chunk);
  CHECK(flush().find('x') == std::string::npos);
}
