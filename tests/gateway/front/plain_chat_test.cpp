// What is read without a tree says what the tree says, and nothing that the tree would refuse.
#include "engine/chat_checks.hpp"
#include "gateway/front/front.hpp"
#include "providers/json_text.hpp"
#include "tests/dice.hpp"

#include <catch2/catch.hpp>

using namespace echelon;
using echelon::test::dice;
using nlohmann::json;
using providers::read_plain_chat;

namespace {

json any_value(dice& chance) {
  return chance.any<json>({1,
                           0,
                           -3,
                           0.5,
                           1e300,
                           17,
                           "",
                           "x",
                           "a\"b\\",
                           "\xe2\x82\xac",
                           true,
                           false,
                           nullptr,
                           json::array(),
                           json::object(),
                           18446744073709551615U,
                           json::array({1}),
                           {{"include_usage", true}},
                           {{"include_usage", false}}});
}

json any_request(dice& chance) {
  json found{{"model", chance.any<const char*>({"node", "a\"b", "\xe2\x82\xac"})},
             {"messages", json::array()}};
  for (auto n = 1 + chance.engine() % 3; n > 0; --n) {
    json message{
        {"role", chance.any<const char*>({"user", "assistant", "system", "developer"})},
        {"content", chance.any<const char*>({"hi", "q\"uo\\te}", "\xc3\xa9{[\x01", "", "]}"})}};
    if (chance.one_in(4)) message["name"] = "ann";
    if (chance.one_in(12)) message["role"] = chance.any<const char*>({"tool", "function", "bot"});
    if (chance.one_in(12)) message.erase(chance.one_in(2) ? "role" : "content");
    if (chance.one_in(12))
      message[chance.any<const char*>({"tool_calls", "content", "x"})] = any_value(chance);
    found["messages"].push_back(message);
  }
  if (chance.one_in(3)) found["temperature"] = chance.any<json>({0.5, 1, 0, -1});
  if (chance.one_in(3)) found["stream"] = chance.one_in(2);
  if (chance.one_in(4)) found["stream_options"] = {{"include_usage", chance.one_in(2)}};
  if (chance.one_in(4)) found["max_tokens"] = chance.engine() % 9;
  if (chance.one_in(4)) found["max_completion_tokens"] = 1 + chance.engine() % 9;
  for (const auto* key : {"top_p", "n", "seed", "user", "presence_penalty", "tools", "later",
                          "model", "messages", "stream", "stream_options", "max_tokens"})
    if (chance.one_in(20)) found[key] = any_value(chance);
  return found;
}

/// As a client may write it, or as something that is nearly JSON.
std::string any_text(dice& chance) {
  const auto value = any_request(chance);
  auto text = chance.one_in(2) ? value.dump() : "\n " + value.dump(2) + " ";
  if (chance.one_in(2)) return text;
  const auto at = chance.engine() % text.size();
  switch (chance.engine() % 6) {
  case 0:
    text[at] = chance.any<char>({'"', '\\', ',', ':', '{', '}', '[', ']', ' ', '7', '\x01'});
    break;
  case 1: text.erase(at, 1); break;
  case 2: text.insert(at, 1, chance.any<char>({'"', ',', '}', ']', '0', '-', '.', '\xff'})); break;
  case 3: text += chance.any<const char*>({"x", "{}", ",", "]", "\0", "\n"}); break;
  case 4:
    text.insert(text.find('{') + 1,
                chance.any<const char*>({R"("model":"m",)", R"("mod\u0065l":"m",)",
                                         R"("user":"u",)", R"("n":1e0,)", R"("stream":tru,)",
                                         R"("seed":12a,)", R"("user":"\ud800",)"}));
    break;
  default: text = "\xef\xbb\xbf" + text;
  }
  return text;
}

/// What is sent, or why nothing is.
json body_for(config::provider_kind kind, const providers::canonical_request& request,
              const config::tier_parameters& parameters) {
  config::provider_config provider;
  provider.kind = kind;
  provider.base_url = "http://u/v1";
  config::model_config model;
  model.model = "mo\"del";
  const auto built =
      providers::adapter_for(kind).build(request, {provider, model, parameters, "key"});
  return built.failure ? json(built.failure->message) : json::parse(built.request.body);
}

} // namespace

TEST_CASE("a request read without a tree says what its tree says") {
  unsigned plain_ones = 0, others = 0;
  for (unsigned seed = 1; seed <= 30000; ++seed) {
    dice chance{std::mt19937{seed}};
    const auto text = any_text(chance);
    INFO("seed " << seed << ": " << text);
    const auto plain = read_plain_chat(text);
    if (!plain) {
      ++others;
      continue;
    }
    ++plain_ones;
    bool repeated = false;
    json tree;
    const auto error = engine::reading([&] {
      tree = engine::parse_object(text, &repeated);
      engine::check_chat_request(tree);
    });
    REQUIRE_FALSE(error);
    REQUIRE_FALSE(repeated);
    REQUIRE(plain->model == tree["model"]);
    REQUIRE(json::parse(text.substr(plain->model_at, plain->model_size)) == plain->model);
    REQUIRE(plain->stream == tree.value("stream", false));
    REQUIRE(plain->stream_said == tree.contains("stream"));
    REQUIRE(plain->options_said == tree.contains("stream_options"));
    REQUIRE(plain->include_usage
            == tree.value("stream_options", json::object()).value("include_usage", false));
    REQUIRE(plain->temperature_said == tree.contains("temperature"));
    REQUIRE(plain->messages_size == providers::unescaped_size(tree["messages"]));
    const auto* most =
        tree.contains("max_completion_tokens") ? "max_completion_tokens" : "max_tokens";
    REQUIRE(plain->most_answer.value_or(-1) == tree.value(most, std::int64_t{-1}));

    gateway::front_request read;
    REQUIRE_FALSE(gateway::openai_chat_front().read(text, read));
    REQUIRE(read.canonical.plain);
    REQUIRE(read.target == plain->model);
    const providers::canonical_request anew{providers::operation::chat, tree, plain->stream};
    config::tier_parameters parameters;
    if (chance.one_in(4)) parameters.temperature = 0.7;
    if (chance.one_in(4)) parameters.response_format = "json";
    if (chance.one_in(4)) parameters.function_calling = "auto";
    for (const auto kind : {config::provider_kind::openai, config::provider_kind::anthropic,
                            config::provider_kind::gemini})
      REQUIRE(body_for(kind, read.canonical, parameters) == body_for(kind, anew, parameters));
    REQUIRE(read.canonical.body() == tree);
  }
  CHECK(plain_ones > 4000); // Else this compares little.
  CHECK(others > 8000);
}

TEST_CASE("usual requests are read without a tree, others are not") {
  const auto sized = [](const char* text) {
    const auto found = read_plain_chat(text);
    return found ? found->messages_size : 0;
  };
  CHECK(sized(R"({"model":"m","messages":[{"role":"user","content":"hi"}]})") == 32);
  CHECK(
      sized(
          R"({"messages":[{"content":"hi","role":"user"}],"model":"m","n":1,"seed":-4,"user":"u"})")
      == 32);
  CHECK(sized(R"({"model":"m","messages":[{"role":"user","content":"\n\u00e9"}]})") == 33);
  for (const char* text :
       {R"({"model":"m","messages":[{"role":"user","content":"hi"}],"tools":[]})",
        R"({"model":"m","messages":[{"role":"user","content":[]}]})",
        R"({"model":"m","messages":[{"role":"tool","content":"hi","tool_call_id":"1"}]})",
        R"({"model":"m","model":"m","messages":[{"role":"user","content":"hi"}]})",
        R"({"model":"m","messages":[{"role":"user","role":"user","content":"hi"}]})",
        R"({"model":"","messages":[{"role":"user","content":"hi"}]})",
        R"({"model":"m","messages":[]})", R"({"model":"m"})",
        R"({"messages":[{"role":"user","content":"hi"}]})",
        R"({"model":"m","messages":[{"role":"user","content":"hi"}],"n":0})",
        R"({"model":"m","messages":[{"role":"user","content":"hi"}],"n":1.0})",
        R"({"model":"m","messages":[{"role":"user","content":"hi"}],"stream":null})",
        R"({"model":"m","messages":[{"role":"user","content":"hi"}],"top_p":1e999})",
        R"({"model":"m","messages":[{"role":"user","content":"hi"}]} x)",
        R"([{"model":"m","messages":[{"role":"user","content":"hi"}]}])", "", "{", "7"}) {
    INFO(text);
    CHECK_FALSE(read_plain_chat(text));
  }
}
