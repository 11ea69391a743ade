/// What one client API must be able to do: its requests in, its answers, streams and errors out.
/// Pure: no I/O. The canonical form is OpenAI's chat completions (see providers/adapter.hpp).
#pragma once

#include "engine/api_error.hpp"
#include "providers/adapter.hpp"

#include <nlohmann/json.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace echelon::gateway {

using engine::api_error;

/// A client's request after its API was read.
struct front_request {
  std::string target{}; ///< `model` of the body; not empty.
  providers::canonical_request canonical{};
  bool include_usage = false; ///< The client asked for usage in its stream.
  nlohmann::json echo{};      ///< What the answer repeats of the request (Responses); else null.
};

/// Writes one stream in the client's API, event by event. Every string returned holds whole events
/// (each ends with a blank line) and may be empty.
class stream_encoder {
public:
  virtual ~stream_encoder() = default;
  /// One OpenAI `chat.completion.chunk`. Usage chunks are swallowed where the client did not ask.
  virtual std::string chunk(const nlohmann::json& chunk) = 0;
  /// The clean end (`data: [DONE]`, `message_stop`, `response.completed`).
  virtual std::string finish() = 0;
  /// The error event of this API; nothing follows it.
  virtual std::string error(const api_error& error) = 0;
};

class front {
public:
  virtual ~front() = default;
  /// Reads a body. Fills `out` or returns the error (400, with `param` naming the field).
  [[nodiscard]] virtual std::optional<api_error> read(std::string_view body,
                                                      front_request& out) const = 0;
  /// The plain answer, from OpenAI's chat completion object (or embeddings list).
  [[nodiscard]] virtual std::string answer(const front_request& request,
                                           const nlohmann::json& canonical) const = 0;
  /// Body of an error answer, valid UTF-8 JSON.
  [[nodiscard]] virtual std::string error_body(const api_error& error,
                                               std::string_view request_id) const = 0;
  [[nodiscard]] virtual std::unique_ptr<stream_encoder>
  encode_stream(const front_request& request) const = 0;
};

[[nodiscard]] const front& openai_chat_front();
[[nodiscard]] const front& openai_embeddings_front();
[[nodiscard]] const front& openai_responses_front();
[[nodiscard]] const front& anthropic_messages_front();

} // namespace echelon::gateway
