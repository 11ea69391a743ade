// What goes on as it was written says what would have been written anew.
#include "providers/openai_verbatim.hpp"

#include "providers/json_read.hpp"
#include "tests/dice.hpp"
#include "tests/providers/wire/support.hpp"

#include <catch2/catch.hpp>

using namespace echelon;
using namespace echelon::providers;
using echelon::test::dice;
using nlohmann::json;

namespace {

/// Compact, or with blanks where JSON allows them.
std::string text_of_any_form(const json& value, dice& chance) {
  return chance.one_in(2) ? value.dump() : "\n " + value.dump(2) + " ";
}

json any_message(dice& chance) {
  json found{{"role", chance.any<const char*>({"user", "assistant", "system"})},
             {"content", chance.any<const char*>({"hi", "q\"uo\\te}", "\xc3\xa9{[", ""})}};
  if (chance.one_in(9)) found["reasoning_content"] = "hm";
  if (chance.one_in(9)) found["thinking_blocks"] = json::array();
  if (chance.one_in(5)) {
    json call{{"id", "1"},
              {"type", "function"},
              {"function", {{"name", "f"}, {"arguments", "{\"model\":1}"}}}};
    if (chance.one_in(3)) call["extra_content"] = "x";
    found["tool_calls"] = json::array({call});
  }
  return found;
}

json any_request(dice& chance) {
  json found{{"model", chance.any<const char*>({"node", "a\"b", "\xe2\x82\xac"})},
             {"messages", json::array()}};
  for (auto n = 1 + chance.engine() % 3; n > 0; --n)
    found["messages"].push_back(any_message(chance));
  if (chance.one_in(3)) found["temperature"] = 0.5;
  if (chance.one_in(3)) found["stream"] = chance.one_in(2);
  if (chance.one_in(4)) found["stream_options"] = {{"include_usage", chance.one_in(2)}};
  if (chance.one_in(4))
    found["tools"] = json::array({{{"type", "function"}, {"function", {{"name", "f"}}}}});
  if (chance.one_in(5)) found["tool_choice"] = chance.one_in(2) ? json("none") : json(nullptr);
  if (chance.one_in(5)) found["response_format"] = {{"type", "text"}};
  if (chance.one_in(6)) found["thinking"] = {{"type", "enabled"}, {"budget_tokens", 2048}};
  if (chance.one_in(4)) found["max_tokens"] = 17;
  if (chance.one_in(4)) found["of_a_later_version"] = {{"model", "deep"}};
  return found;
}

config::tier_parameters any_parameters(dice& chance) {
  config::tier_parameters found;
  if (chance.one_in(4)) found.temperature = 0.7;
  if (chance.one_in(4)) found.response_format = "json";
  if (chance.one_in(4)) found.function_calling = "auto";
  return found;
}

json any_answer(dice& chance) {
  json message{{"role", "assistant"}, {"content", "text \"with\" }{ \xc3\xa9"}};
  if (chance.one_in(7)) message.erase(chance.one_in(2) ? "role" : "content");
  if (chance.one_in(7)) message["content"] = nullptr;
  if (chance.one_in(9)) message["role"] = "";
  json choice{{"index", 0}, {"message", message}, {"finish_reason", "stop"}};
  if (chance.one_in(9)) choice.erase("message");
  json found{{"id", "c"},
             {"object", "chat.completion"},
             {"created", 1700000000},
             {"model", "served"},
             {"choices", json::array({choice})}};
  if (chance.one_in(9)) found["object"] = chance.any<const char*>({"", "error"});
  if (chance.one_in(9)) found["created"] = chance.one_in(2) ? 0 : -1;
  if (chance.one_in(9)) found["error"] = chance.one_in(2) ? json(nullptr) : json{{"message", "no"}};
  if (chance.one_in(9)) found["choices"] = json::array();
  if (!chance.one_in(4))
    found["usage"] = {{"prompt_tokens", 3},
                      {"completion_tokens", chance.any<json>({4, 4.0, -4, "4", nullptr})},
                      {"prompt_tokens_details", {{"cached_tokens", 2}, {"cache_write_tokens", 1}}},
                      {"completion_tokens_details",
                       chance.any<json>({json{{"reasoning_tokens", 5}}, nullptr, "none"})}};
  return found;
}

bool same(const std::optional<token_usage>& a, const std::optional<token_usage>& b) {
  if (a.has_value() != b.has_value()) return false;
  return !a
         || (a->prompt_tokens == b->prompt_tokens && a->completion_tokens == b->completion_tokens
             && a->cached_tokens == b->cached_tokens && a->reasoning_tokens == b->reasoning_tokens
             && a->cache_write_tokens == b->cache_write_tokens);
}

} // namespace

TEST_CASE("a request that goes on as text says what one written anew says") {
  unsigned untouched = 0;
  for (unsigned seed = 1; seed <= 4000; ++seed) {
    dice chance{std::mt19937{seed}};
    const auto body = any_request(chance);
    const auto stream = body.value("stream", false);
    const auto parameters = any_parameters(chance);
    config::provider_config provider;
    provider.base_url = chance.any<const char*>({"http://u/v1", "https://x.googleapis.com/v1"});
    config::model_config model;
    model.model = chance.any<const char*>({"gpt", "mo\"del"});
    if (chance.one_in(6)) model.thinking = "effort";
    const attempt_context context{provider, model, parameters, "key"};
    const auto& wire = adapter_for(config::provider_kind::openai);
    canonical_request request{operation::chat, body, stream};
    const auto anew = wire.build(request, context);
    request.text = text_of_any_form(body, chance);
    const auto as_text = wire.build(request, context);
    INFO("seed " << seed << ": " << as_text.request.body);
    REQUIRE(json::parse(as_text.request.body) == json::parse(anew.request.body));
    REQUIRE(as_text.dropped == anew.dropped);
    REQUIRE(as_text.request.headers == anew.request.headers);
    if (as_text.request.body != anew.request.body) ++untouched;
  }
  CHECK(untouched > 200); // Else this compares nothing.
}

TEST_CASE("an answer that goes on as text says what one written anew says") {
  unsigned untouched = 0;
  for (unsigned seed = 1; seed <= 4000; ++seed) {
    dice chance{std::mt19937{seed}};
    const auto text = text_of_any_form(any_answer(chance), chance);
    const auto& wire = adapter_for(config::provider_kind::openai);
    canonical_request request{operation::chat, json::object(), false};
    const auto anew = wire.parse(request, text);
    request.text = "{}";
    const auto as_text = wire.parse(request, text);
    INFO("seed " << seed << ": " << text);
    REQUIRE(as_text.failure.has_value() == anew.failure.has_value());
    REQUIRE(same(as_text.usage, anew.usage));
    if (as_text.text.empty()) {
      REQUIRE(as_text.body == anew.body);
      continue;
    }
    ++untouched;
    REQUIRE(as_text.text == text);
    REQUIRE(json::parse(as_text.text) == anew.body);
    REQUIRE(as_text.body.is_null());
  }
  CHECK(untouched > 400);
}

TEST_CASE("the model's name is put in its place and nowhere else") {
  CHECK(with_model(R"({"model":"a","x":1})", "b") == R"({"model":"b","x":1})");
  CHECK(with_model(R"( {"x":{"model":"z"}, "model" : "a\"" , "y":"}" } )", "b\"c")
        == R"( {"x":{"model":"z"}, "model" : "b\"c" , "y":"}" } )");
  CHECK(with_model(R"({"model":"a"})", "b", R"("s":true)") == R"({"model":"b","s":true})");
  CHECK(with_model(R"({"mod\u0065l":"a"})", "b") == R"({"mod\u0065l":"b"})");
}

TEST_CASE("a text with another number of models than one is left alone") {
  const auto* text = GENERATE(R"({})", R"({"model":1})", R"({"model":"a","model":"b"})",
                              R"({"model":"a","mod\u0065l":"b"})", R"([])", R"("model")", "", "{");
  CHECK_FALSE(with_model(text, "b"));
}

TEST_CASE("an answer whose names stand twice is read in full") {
  const auto* text = GENERATE(
      R"({"object":"chat.completion","choices":[{"message":{"role":"a","content":"x"}}],"choices":[]})",
      R"({"object":"chat.completion","object":"error","choices":[{"message":{"role":"a","content":"x"}}]})",
      R"({"object":"chat.completion","choices":[{"message":{"role":"a","content":"x"},"message":{}}]})",
      R"({"object":"chat.completion","choices":[{"message":{"role":"a","role":"","content":"x"}}]})",
      R"({"object":"chat.completion","usage":{},"usage":{"prompt_tokens":9},"choices":[{"message":{"role":"a","content":"x"}}]})");
  CHECK_FALSE(verbatim_completion(text));
}
