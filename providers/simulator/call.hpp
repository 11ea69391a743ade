/// One request to a simulated upstream, read in any of the wire formats.
#pragma once

#include "providers/adapter.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace echelon::providers {

/// The endpoint that a path names.
enum class simulated_api : std::uint8_t {
  unknown,
  openai_chat,
  openai_embeddings,
  openai_models,
  anthropic_messages,
  gemini_generate,
  gemini_embed,
  control, ///< `/sim/...` of the simulator itself.
};

struct simulated_call {
  simulated_api api = simulated_api::unknown;
  std::string model;
  bool stream = false;
  bool include_usage = false;
  bool thinking = false;
  std::string prompt; ///< Text of the last user message.
  std::int64_t prompt_tokens = 0;
  std::string tool;                ///< Name of the tool to call; empty: answer with text.
  nlohmann::json arguments;        ///< For `tool`.
  std::vector<std::string> inputs; ///< Of embeddings.
  std::size_t dimensions = 8;
  bool base64 = false;
  std::string fault; ///< Why the request is bad; empty: it is good.
};

/// Tokens of a text as the simulator counts them: a quarter of its bytes, rounded up.
[[nodiscard]] std::int64_t count_tokens(std::string_view text);

/// Reads a request. Never throws: see `fault`.
[[nodiscard]] simulated_call read_call(const http_request& request);

} // namespace echelon::providers
