/// What callers get: completions, chunks and errors out of the canonical form.
#pragma once

#include "engine/recipient.hpp"

#include <echelon/error.hpp>
#include <echelon/types.hpp>

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace echelon::api {

/// From OpenAI's chat completion object. Never throws for what an upstream may send.
[[nodiscard]] Completion to_completion(const engine::call_report& of,
                                       const nlohmann::json& canonical);
[[nodiscard]] Chunk to_chunk(const nlohmann::json& chunk);
[[nodiscard]] ErrorKind kind_of(const engine::api_error& x);
/// `decision` and `partial` may be empty.
[[nodiscard]] LlmError to_error(const engine::call_report& of, const engine::final_error& why,
                                std::string decision, std::string partial);
/// Of a call that ends before it has begun, or without an answer.
[[nodiscard]] LlmError plain_error(ErrorKind kind, const std::string& message, int status,
                                   const std::string& request_id = {});
[[nodiscard]] LlmError cancelled_error(ErrorKind why, const std::string& request_id);
/// Of a call in a process that was forked from the factory's: threads do not come along.
[[nodiscard]] LlmError forked_error(const std::string& request_id = {});

/// The text so far of a stream, and the whole at its end.
class gathered_stream {
public:
  void add(const nlohmann::json& chunk) { chunks_.push_back(chunk); }
  [[nodiscard]] std::string text() const;
  [[nodiscard]] nlohmann::json completion() const;

private:
  std::vector<nlohmann::json> chunks_;
};

} // namespace echelon::api
