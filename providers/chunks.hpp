/// OpenAI's chat completion chunks and what can be read off them.
#pragma once

#include "providers/adapter.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace echelon::providers {

/// Makes the chunks of one answer: the same id, creation time and model in each.
class chunk_writer {
public:
  explicit chunk_writer(std::int64_t created) : created_(created) {}

  /// Sets what the upstream calls its answer; empty parts change nothing. Before the first chunk
  /// only.
  void name(std::string id, std::string model);
  [[nodiscard]] nlohmann::json delta(std::int64_t index, nlohmann::json delta);
  [[nodiscard]] nlohmann::json finish(std::int64_t index, std::string_view reason);
  /// The chunk with `choices: []`.
  [[nodiscard]] nlohmann::json usage(const token_usage& usage);

private:
  nlohmann::json frame(nlohmann::json choices);

  std::string id_;
  std::string model_;
  std::int64_t created_;
};

/// OpenAI's `usage` object.
[[nodiscard]] nlohmann::json usage_object(const token_usage& usage);

/// Reads OpenAI's `usage` object; absent if it is none.
[[nodiscard]] std::optional<token_usage> usage_of(const nlohmann::json& usage);

/// Whether a delta holds something a client shows: text, refusal, thought, call or sound.
[[nodiscard]] bool has_content(const nlohmann::json& delta);

/// The chunks that say the same as a plain answer, without its usage. Empty if it has no usable
/// choice.
[[nodiscard]] std::vector<nlohmann::json> chunks_of(const nlohmann::json& completion,
                                                    std::int64_t created);

/// The plain answer that chunks add up to.
[[nodiscard]] nlohmann::json completion_of(const std::vector<nlohmann::json>& chunks);

} // namespace echelon::providers
