// Plain and streamed calls, and how they fail.
#include "tests/api/support.hpp"

#include <nlohmann/json.hpp>

#include <thread>

using namespace echelon;
using namespace echelon::test;
using nlohmann::json;

TEST_CASE("a call returns the text, the usage and the way it went", "[api]") {
  simulated_router uut;
  CallOptions options;
  options.request_id = "req_mine";
  const auto x = uut.client.call("hello", options);
  CHECK(x.text == "Simulated gpt-4 answer to: hello");
  CHECK(x.finish_reason == "stop");
  CHECK(x.model == "gpt-4");
  CHECK(x.route == "plan_group.echelon1/openai-gpt4");
  CHECK(x.attempts == 1);
  CHECK(x.request_id == "req_mine");
  CHECK(x.usage.prompt_tokens > 0);
  CHECK(x.usage.completion_tokens > 0);
  CHECK(json::parse(x.json)["object"] == "chat.completion");
  const auto record = json::parse(uut.factory.decision("req_mine"));
  CHECK(record["status"] == 200);
  CHECK(record["route"] == x.route);
  CHECK(uut.factory.decision("req_other").empty());
}

TEST_CASE("a conversation and a whole body are prompts too", "[api]") {
  simulated_router uut;
  const std::vector<Message> talk{
      {"system", "Be brief."}, {"user", "one"}, {"assistant", "ok"}, {"user", "two"}};
  CHECK(uut.client.call_with_group("fast_group", talk).text == "Simulated gpt-35 answer to: two");
  const auto body = Prompt::from_json(R"({"messages": [{"role": "user", "content": "weather?"}],
    "tools": [{"type": "function", "function": {"name": "weather", "parameters":
      {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}],
    "tool_choice": "required"})");
  const auto x = uut.client.call_with_group("fast_group", body);
  REQUIRE(x.tool_calls.size() == 1);
  CHECK(x.tool_calls[0].name == "weather");
  CHECK(json::parse(x.tool_calls[0].arguments).contains("city"));
  CHECK(x.finish_reason == "tool_calls");
}

TEST_CASE("a wrong request is refused with the field at fault", "[api]") {
  simulated_router uut;
  CHECK(error_of([] { static_cast<void>(Prompt::from_json("[1]")); }).kind()
        == ErrorKind::invalid_request);
  const auto error = error_of([&] {
    uut.client.call(Prompt::from_json(R"({"messages": [{"role": "nobody", "content": "x"}]})"));
  });
  CHECK(error.kind() == ErrorKind::invalid_request);
  CHECK(error.status() == 400);
  CHECK(error.info().param == "messages[0].role");
  CallOptions options;
  options.body_json = "17";
  CHECK(error_of([&] { uut.client.call("x", options); }).kind() == ErrorKind::invalid_request);
  CHECK(error_of([&] { uut.client.call_with_fallback_groups({}, "x"); }).kind()
        == ErrorKind::unknown_target);
}

TEST_CASE("a target that there is not is told with the nearest name", "[api]") {
  simulated_router uut;
  const auto made =
      error_of([&] { static_cast<void>(uut.factory.create_client_from_group("plan_grup")); });
  CHECK(made.kind() == ErrorKind::unknown_target);
  CHECK_THAT(made.what(), Catch::Contains("plan_group"));
  const auto called = error_of([&] { uut.client.call_with_group("fast_grup", "x"); });
  CHECK(called.kind() == ErrorKind::unknown_target);
  CHECK(called.status() == 404);
  const auto fallback = error_of([&] {
    uut.client.call_with_fallback_groups({"fast_group", "nowhere"}, "x");
  });
  CHECK_THAT(fallback.what(), Catch::Contains("nowhere"));
}

TEST_CASE("an error holds its kind, status, wait and decision record", "[api]") {
  simulated_router uut{"rules: [{then: {status: 503}}]\n"};
  CallOptions options;
  options.request_id = "req_failing";
  const auto error = error_of([&] { uut.client.call("x", options); });
  CHECK(error.kind() == ErrorKind::upstream);
  CHECK(error.status() == 503);
  CHECK(error.info().request_id == "req_failing");
  CHECK(error.info().attempts >= 3);
  const auto record = json::parse(error.info().decision);
  CHECK(record["id"] == "req_failing");
  CHECK(record["steps"].size() > 3);
  // Now every breaker that counts is still closed, but a bench has an end to wait for.
  simulated_router limited{"rules: [{then: {status: 429, headers: {Retry-After: 7}}}]\n"};
  const auto busy = error_of([&] { limited.client.call("x"); });
  CHECK((busy.kind() == ErrorKind::rate_limited || busy.kind() == ErrorKind::no_healthy_upstream));
  REQUIRE(busy.retry_after());
  CHECK(*busy.retry_after() <= std::chrono::seconds{7});
  CHECK(*busy.retry_after() > std::chrono::seconds{0});
}

TEST_CASE("the deadline of a call ends it", "[api]") {
  simulated_router uut{"rules: [{then: {hang: true}}]\n"};
  CallOptions options;
  options.timeout = std::chrono::milliseconds{50};
  const auto error = error_of([&] { uut.client.call("x", options); });
  CHECK((error.kind() == ErrorKind::deadline_exceeded || error.kind() == ErrorKind::upstream));
  CHECK(error.status() == 504);
}

TEST_CASE("a stream comes piece by piece to a callback", "[api]") {
  simulated_router uut;
  std::string text;
  int pieces = 0;
  const auto whole =
      uut.client.stream_with_group("plan_group.echelon1", "a b c", [&](const Chunk& x) {
        text += x.text;
        ++pieces;
      });
  CHECK(text == "Simulated gpt-4 answer to: a b c");
  CHECK(pieces > 3);
  CHECK(whole.text == text);
  CHECK(whole.route == "plan_group.echelon1/openai-gpt4");
  CHECK(whole.usage.completion_tokens > 0);
}

TEST_CASE("a stream is a range, and reads as slowly as its reader", "[api]") {
  simulated_router uut{"rules: [{then: {words: 5000}}]\n"};
  auto stream = uut.client.open_stream_with_fallback_groups({"plan_group", "fast_group"}, "x");
  std::size_t words = 0;
  for (const auto& x : stream)
    if (!x.text.empty()) ++words;
  CHECK(words == 5000);
  CHECK(stream.completion().finish_reason == "stop");
  CHECK_FALSE(stream.next());
}

TEST_CASE("a stream that breaks after its first content is an error with what came", "[api]") {
  simulated_router uut{"rules: [{match: {stream: true}, then: {cut_after: 2}}]\n"};
  std::string seen;
  const auto error = error_of([&] {
    uut.client.stream_with_group("plan_group", "a b c", [&](const Chunk& x) { seen += x.text; });
  });
  CHECK_FALSE(seen.empty());
  CHECK(error.info().partial_text == seen);
  CHECK(error.info().attempts == 1);
}

TEST_CASE("an exception of the callback cancels the stream and is passed on", "[api]") {
  simulated_router uut{"rules: [{then: {words: 5000}}]\n"};
  CHECK_THROWS_AS(uut.client.stream_with_group(
                      "plan_group", "x", [](const Chunk&) { throw std::runtime_error("no"); }),
                  std::runtime_error);
  while (permits_in_use(uut.factory) != 0)
    std::this_thread::yield();
}

TEST_CASE("a future gives the answer, and a cancelled call its permit back", "[api]") {
  simulated_router uut{"rules: [{match: {model: flash}, then: {hang: true}}]\n"};
  auto a = uut.client.async_with_group("plan_group", "one");
  auto b = uut.client.async_with_fallback_groups({"fast_group", "plan_group"}, "two");
  CHECK(a.get().text == "Simulated gpt-4 answer to: one");
  CHECK(b.get().text == "Simulated gpt-35 answer to: two");
  auto hung = uut.client.async_with_group("fast_group.narrow", "three");
  while (permits_in_use(uut.factory) == 0)
    std::this_thread::yield();
  hung.handle.cancel();
  const auto error = error_of([&] { hung.get(); });
  CHECK(error.kind() == ErrorKind::cancelled);
  while (permits_in_use(uut.factory) != 0)
    std::this_thread::yield();
  hung.handle.cancel();
}

TEST_CASE("an observer hears chunks and one end", "[api]") {
  simulated_router uut;
  std::promise<std::string> end;
  std::atomic<int> chunks{0};
  CallObserver to;
  to.on_chunk = [&](const Chunk&) { ++chunks; };
  to.on_done = [&](const Completion& x) { end.set_value(x.text); };
  to.on_error = [&](const LlmError& x) { end.set_value(x.what()); };
  static_cast<void>(uut.client.start("plan_group", "x", to));
  CHECK(end.get_future().get() == "Simulated gpt-4 answer to: x");
  CHECK(chunks > 1);
}
