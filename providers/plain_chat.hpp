/// Requests for chat as nearly all of them are, read without a tree of their JSON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace echelon::providers {

/// What such a request says, but for its words.
struct plain_chat {
  std::string model;          ///< Not empty.
  std::size_t model_at = 0;   ///< Where its value stands in the text,
  std::size_t model_size = 0; ///< with quotes.
  bool stream = false;        ///< The value of `stream`.
  bool stream_said = false;   ///< It is there.
  bool options_said = false;  ///< `stream_options` is.
  bool include_usage = false; ///< Of those.
  bool temperature_said = false;
  std::optional<std::int64_t> most_answer; ///< max_completion_tokens, else max_tokens; >= 1.
  std::size_t messages_size = 0;           ///< As unescaped_size() of `messages`.
};

/// Reads a body of OpenAI's chat completions that is valid, has each name once in an object and
/// holds nothing but `model`, `messages` of strings by system, developer, user and assistant,
/// numbers to sample by, `n`, `seed`, `user` and what concerns streaming. Nothing for any other:
/// more is to be looked at there, or to be told why it is refused.
[[nodiscard]] std::optional<plain_chat> read_plain_chat(std::string_view text);

} // namespace echelon::providers
