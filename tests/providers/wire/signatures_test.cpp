// Gemini's signatures of calls, where they travel as signatures of thoughts.
#include "tests/providers/wire/support.hpp"

#include "providers/sealed_signature.hpp"

#include <catch2/catch.hpp>

using namespace echelon;
using namespace echelon::providers;
using namespace echelon::providers::test;

namespace {

json loop(json thoughts) {
  json assistant = {{"role", "assistant"},
                    {"content", nullptr},
                    {"tool_calls", json::array({call("c1", "f", "{}"), call("c2", "g", "{}")})},
                    {"thinking_blocks", std::move(thoughts)}};
  json messages = json::array({user("hi"), std::move(assistant)});
  for (const auto* id : {"c1", "c2"})
    messages.push_back({{"role", "tool"}, {"tool_call_id", id}, {"content", "1"}});
  return chat(std::move(messages));
}

json thought(const std::string& signature) {
  return {{"type", "thinking"}, {"thinking", "hm"}, {"signature", signature}};
}

} // namespace

TEST_CASE("a signature is sealed with its call's id", "[wire]") {
  CHECK(seal({"c1", "c2ln=="}) == "google:c1=c2ln==");
  const auto call = unseal("google:c1=c2ln==");
  REQUIRE(call);
  CHECK(call->id == "c1");
  CHECK(call->signature == "c2ln==");
  CHECK_FALSE(unseal("EqQB"));
  CHECK_FALSE(unseal("google:c1"));
  CHECK_FALSE(unseal(""));
}

TEST_CASE("a sealed signature goes back to Gemini with its call", "[wire][gemini]") {
  const auto parts = attempt{config::provider_kind::gemini}.sent(loop(json::array(
      {thought(seal({"c2", "c2ln"})), thought("of-anthropic")})))["contents"][1]["parts"];
  CHECK_FALSE(parts[0].contains("thoughtSignature"));
  CHECK(parts[1]["thoughtSignature"] == "c2ln");
}

TEST_CASE("models that refuse unsigned calls get Google's word for none", "[wire][gemini]") {
  attempt x{config::provider_kind::gemini, "gemini-3-pro"};
  auto parts = x.sent(loop(json::array()))["contents"][1]["parts"];
  CHECK(parts[0]["thoughtSignature"] == "skip_thought_signature_validator");
  CHECK_FALSE(parts[1].contains("thoughtSignature"));
  parts = x.sent(loop(json::array({thought(seal({"c1", "c2ln"}))})))["contents"][1]["parts"];
  CHECK(parts[0]["thoughtSignature"] == "c2ln");
  x.model.model = "other";
  x.model.thinking = "level";
  CHECK(x.sent(loop(json::array()))["contents"][1]["parts"][0].contains("thoughtSignature"));
  x.model.thinking = "budget";
  CHECK_FALSE(x.sent(loop(json::array()))["contents"][1]["parts"][0].contains("thoughtSignature"));
}

TEST_CASE("Anthropic never gets another provider's signature", "[wire][anthropic]") {
  attempt x{config::provider_kind::anthropic, "claude-sonnet-4"};
  x.parameters.thinking = config::thinking_config{true, 2000U};
  auto body = x.sent(loop(json::array({thought(seal({"c1", "c2ln"}))})));
  CHECK(body["messages"][1]["content"].size() == 2); // The calls alone, and no thinking.
  CHECK_FALSE(body.contains("thinking"));
  body = x.sent(loop(json::array({thought(seal({"c1", "c2ln"})), thought("own")})));
  CHECK(body["messages"][1]["content"][0] == thought("own"));
  CHECK(body.contains("thinking"));
}

TEST_CASE("top_k of a Messages client does not reach OpenAI", "[wire][openai]") {
  canonical_request request{operation::chat, chat(json::array({user("hi")})), false};
  request.tree["top_k"] = 5;
  attempt x{config::provider_kind::openai};
  const auto build = [&] {
    return adapter_for(x.provider.kind).build(request, {x.provider, x.model, x.parameters, x.key});
  };
  CHECK(json::parse(build().request.body)["top_k"] == 5); // Asked for by OpenAI's own API: kept.
  request.native = native_request{};
  CHECK_FALSE(json::parse(build().request.body).contains("top_k"));
  CHECK(build().dropped == std::vector<std::string>{"top_k"});
}
