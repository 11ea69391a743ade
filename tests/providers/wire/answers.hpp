/// Random answers, as streams of OpenAI's wire, and what a decoder must make of them.
#pragma once

#include "tests/providers/wire/meaning.hpp"

#include <catch2/catch.hpp>

#include <set>

namespace echelon::providers::test {

/// An answer: text, thought, calls; each may be missing, not all.
struct answer {
  std::string text;
  std::string thought;
  std::vector<std::pair<std::string, json>> calls; // Name and arguments.
};

inline answer random_answer(dice& chance) {
  answer result;
  if (chance.one_in(2)) result.thought = chance.text();
  for (auto n = chance.below(3); n > 0; --n)
    result.calls.emplace_back("f" + std::to_string(chance.below(3)), chance.arguments());
  if (result.calls.empty() || chance.one_in(2)) result.text = chance.text();
  return result;
}

/// `text` in a few pieces at borders of characters.
inline std::vector<std::string> in_pieces(dice& chance, const std::string& text) {
  std::vector<std::string> result;
  std::string piece;
  for (std::size_t i = 0; i < text.size(); ++i) {
    piece += text[i];
    const bool border =
        i + 1 == text.size() || (static_cast<unsigned char>(text[i + 1]) & 0xC0U) != 0x80U;
    if (border && chance.one_in(4)) result.push_back(std::exchange(piece, {}));
  }
  if (!piece.empty()) result.push_back(piece);
  return result;
}

inline std::string openai_stream(dice& chance, const answer& x) {
  std::string bytes;
  const auto delta = [&](json value, json finish = nullptr) {
    bytes += data({{"id", "c"},
                   {"object", "chat.completion.chunk"},
                   {"created", 5},
                   {"model", "m"},
                   {"choices", json::array({{{"index", 0},
                                             {"delta", std::move(value)},
                                             {"finish_reason", std::move(finish)}}})}});
  };
  delta({{"role", "assistant"}, {"content", ""}});
  for (const auto& piece : in_pieces(chance, x.thought))
    delta({{"reasoning_content", piece}});
  for (const auto& piece : in_pieces(chance, x.text))
    delta({{"content", piece}});
  for (std::size_t i = 0; i < x.calls.size(); ++i) {
    auto first = call("id" + std::to_string(i), x.calls[i].first, "");
    if (chance.one_in(3)) first["extra_content"]["google"]["thought_signature"] = "c2ln";
    first["index"] = i;
    delta({{"tool_calls", json::array({first})}});
    for (const auto& piece : in_pieces(chance, dump(x.calls[i].second)))
      delta({{"tool_calls", json::array({{{"index", i}, {"function", {{"arguments", piece}}}}})}});
  }
  delta(json::object(), x.calls.empty() ? "stop" : "tool_calls");
  return bytes + "data: [DONE]\n\n";
}

inline void check_answer(const answer& expected, const outcome& seen) {
  REQUIRE_FALSE(seen.failure);
  REQUIRE(seen.finished);
  CHECK(seen.content);
  CHECK(seen.text() == expected.text);
  CHECK(seen.text("reasoning_content") == expected.thought);
  std::vector<std::string> names;
  std::set<std::string> ids;
  for (const auto& piece : seen.calls())
    if (piece.contains("id")) {
      names.push_back(text_of(piece["function"], "name"));
      ids.insert(text_of(piece, "id"));
    }
  REQUIRE(names.size() == expected.calls.size());
  CHECK(ids.size() == names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    CHECK(names[i] == expected.calls[i].first);
    CHECK(json::parse(seen.arguments(static_cast<int>(i))) == expected.calls[i].second);
  }
  CHECK(seen.finish_reasons()
        == std::vector<std::string>{expected.calls.empty() ? "stop" : "tool_calls"});
}

} // namespace echelon::providers::test
