// Translations keep the meaning, whatever the conversation: what the adapters write is read back
// by readers that know the wire alone. ECHELON_SEEDS changes how many are played.
#include "tests/providers/wire/answers.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <cstdlib>

using namespace echelon;
using namespace echelon::providers;
using namespace echelon::providers::test;

namespace {

unsigned seeds() {
  const auto* text = std::getenv("ECHELON_SEEDS");
  return text == nullptr ? 2000U : static_cast<unsigned>(std::strtoul(text, nullptr, 10));
}

std::string anthropic_stream(dice& chance, const answer& x) {
  std::string bytes;
  const auto event = [&](json value) {
    bytes += "event: " + value["type"].get<std::string>() + '\n' + data(value);
    if (chance.one_in(5)) bytes += "event: ping\ndata: {\"type\":\"ping\"}\n\n";
  };
  event({{"type", "message_start"},
         {"message", {{"id", "c"}, {"model", "m"}, {"content", json::array()}}}});
  int index = 0;
  const auto block = [&](json start, const char* type, const char* key, const std::string& text) {
    event({{"type", "content_block_start"}, {"index", index}, {"content_block", std::move(start)}});
    for (const auto& piece : in_pieces(chance, text))
      event({{"type", "content_block_delta"},
             {"index", index},
             {"delta", {{"type", type}, {key, piece}}}});
    event({{"type", "content_block_stop"}, {"index", index++}});
  };
  if (!x.thought.empty())
    block({{"type", "thinking"}, {"thinking", ""}}, "thinking_delta", "thinking", x.thought);
  if (!x.text.empty()) block({{"type", "text"}, {"text", ""}}, "text_delta", "text", x.text);
  for (std::size_t i = 0; i < x.calls.size(); ++i)
    block({{"type", "tool_use"},
           {"id", "id" + std::to_string(i)},
           {"name", x.calls[i].first},
           {"input", json::object()}},
          "input_json_delta", "partial_json",
          x.calls[i].second.empty() ? "" : dump(x.calls[i].second));
  event({{"type", "message_delta"},
         {"delta", {{"stop_reason", x.calls.empty() ? "end_turn" : "tool_use"}}}});
  event({{"type", "message_stop"}});
  return bytes;
}

std::string gemini_stream(dice& chance, const answer& x) {
  std::string bytes;
  json parts = json::array();
  const auto flush = [&](const char* finish = nullptr) {
    json candidate = {{"index", 0}, {"content", {{"role", "model"}, {"parts", parts}}}};
    if (finish != nullptr) candidate["finishReason"] = finish;
    bytes += data({{"candidates", json::array({candidate})}, {"responseId", "c"}});
    parts = json::array();
  };
  const auto add = [&](json part) {
    parts.push_back(std::move(part));
    if (chance.one_in(2)) flush();
  };
  for (const auto& piece : in_pieces(chance, x.thought))
    add({{"text", piece}, {"thought", true}});
  for (const auto& piece : in_pieces(chance, x.text))
    add({{"text", piece}});
  for (const auto& [name, arguments] : x.calls)
    add({{"functionCall", {{"name", name}, {"args", arguments}}}});
  flush("STOP");
  return bytes;
}

/// How each kind of provider would stream an answer.
struct wire {
  config::provider_kind kind;
  std::string (*write)(dice&, const answer&);
};
constexpr std::array<wire, 3> wires{{{config::provider_kind::openai, openai_stream},
                                     {config::provider_kind::anthropic, anthropic_stream},
                                     {config::provider_kind::gemini, gemini_stream}}};

} // namespace

TEST_CASE("a random conversation means the same on every wire", "[wire][properties]") {
  for (unsigned seed = 0; seed < seeds(); ++seed) {
    INFO("seed " << seed);
    dice chance{seed};
    const auto conversation = random_conversation(chance);
    const auto expected = meaning_of_openai(conversation);
    CHECK(meaning_of_openai(attempt{config::provider_kind::openai}.sent(conversation)) == expected);
    CHECK(meaning_of_anthropic(attempt{config::provider_kind::anthropic}.sent(conversation))
          == systems_joined(expected));
    CHECK(
        systems_joined(meaning_of_gemini(attempt{config::provider_kind::gemini}.sent(conversation)))
        == systems_joined(meaning_of_openai(results_in_order(conversation))));
  }
}

TEST_CASE("a random answer means the same from every wire, at any border", "[wire][properties]") {
  for (unsigned seed = 0; seed < seeds(); ++seed) {
    INFO("seed " << seed);
    dice chance{seed};
    const auto expected = random_answer(chance);
    for (const auto& [kind, write] : wires) {
      const auto bytes = write(chance, expected);
      check_answer(expected, decode(kind, random_pieces(chance, bytes)));
    }
  }
}

TEST_CASE("a random cut of a stream is never a clean end", "[wire][properties]") {
  std::size_t cut = 0;
  for (unsigned seed = 0; seed < seeds(); ++seed) {
    INFO("seed " << seed);
    dice chance{seed};
    const auto expected = random_answer(chance);
    for (const auto& [kind, write] : wires) {
      const auto bytes = write(chance, expected);
      const auto seen =
          decode(kind, random_pieces(chance, bytes.substr(0, chance.below(bytes.size()))));
      REQUIRE(seen.finished != seen.failure.has_value());
      if (seen.failure) {
        ++cut;
        CHECK(seen.finish_reasons().size() <= 1);
      } else {
        check_answer(expected, seen); // Only a mark of the end was missing.
      }
    }
  }
  CHECK(cut > seeds());
}
