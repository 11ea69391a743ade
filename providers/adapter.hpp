/// What one wire format must be able to do. Pure: no I/O, no clock beyond arguments.
#pragma once

#include "config/router_config.hpp"
#include "policy/failure.hpp"
#include "providers/plain_chat.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace echelon::providers {

using header_list = std::vector<std::pair<std::string, std::string>>;

/// One HTTP request to an upstream. `target` is the path with query, joined with the base URL's
/// path.
struct http_request {
  std::string method = "POST";
  std::string target;
  header_list headers; ///< Without Host, Content-Length and Connection: the transport adds them.
  std::string body;
};

/// The endpoint of the provider that serves a call.
enum class operation : std::uint8_t { chat, embeddings };

/// A request in Anthropic's own form. A provider that speaks it is sent what the client wrote, and
/// answers come back under the key `native` of canonical objects, so that nothing is lost between
/// two ends that understand each other (prompt caching, server tools, citations).
struct native_request {
  nlohmann::json body; ///< Of Anthropic's Messages, as it came.
  std::string beta;    ///< The client's `anthropic-beta` header; may be empty.
  /// The first part of the body that the canonical form cannot say, such as `tools[0].type`, and
  /// why; empty: all is said. Other providers are not asked then.
  std::string beyond;
  std::string beyond_why;
};

/// One client's request in the canonical form: the body of OpenAI's chat completions (or
/// embeddings), as the client sent it (unknown fields kept). Thinking blocks of other APIs travel
/// in `messages[].reasoning_content` and `messages[].thinking_blocks` (Anthropic's block form).
struct canonical_request {
  operation op = operation::chat;
  mutable nlohmann::json tree; ///< Null: body() makes it of `text` when it is first asked for.
  bool stream = false;
  std::optional<native_request> native = std::nullopt;
  /// The body as the client wrote it, in OpenAI's form, each name once in an object; empty: there
  /// is no such text. Then what goes on in OpenAI's form, and answers that come in it, need not be
  /// written anew.
  std::string text{};
  /// What `text` says, where that was read without a tree.
  std::optional<plain_chat> plain = std::nullopt;

  /// Not from two threads at once.
  [[nodiscard]] const nlohmann::json& body() const;
};

struct token_usage {
  std::int64_t prompt_tokens = 0;
  std::int64_t completion_tokens = 0;
  std::int64_t cached_tokens = 0;
  std::int64_t reasoning_tokens = 0;
  std::int64_t cache_write_tokens = 0; ///< Part of prompt_tokens, as cached_tokens is.
};

/// Why an attempt failed, as far as the upstream told.
struct upstream_failure {
  policy::failure_class kind = policy::failure_class::none;
  int status = 0;      ///< Upstream's HTTP status; 0: none (network, timeout).
  std::string message; ///< Safe to show: cut to 500 bytes, valid UTF-8, no key, no HTML.
  std::string type;    ///< `error.type` in OpenAI's words; may be empty.
  std::string code;    ///< `error.code`; may be empty.
  std::string param;   ///< `error.param`; may be empty.
  std::optional<std::chrono::nanoseconds> retry_after; ///< From headers or body; >= 0.
};

/// The request an adapter made, or why it cannot be expressed for this provider.
struct built_request {
  http_request request;
  std::vector<std::string> dropped; ///< Client fields this provider cannot express.
  std::optional<upstream_failure>
      failure; ///< Set: nothing may be sent (client_fault or untranslatable).
};

/// A plain answer: OpenAI's chat completion object (or embeddings list) or a failure.
struct plain_reply {
  nlohmann::json body;
  /// The upstream's own text in place of `body`, which is null then: only where the request had one
  /// too, and nothing of it would be changed.
  std::string text{};
  std::optional<token_usage> usage;
  std::optional<upstream_failure> failure;
};

/// What a piece of an upstream's stream meant.
struct stream_update {
  std::vector<nlohmann::json> chunks; ///< OpenAI `chat.completion.chunk` objects, in order. A usage
                                      ///< chunk (`choices: []` with `usage`) is always passed on.
  bool content = false;  ///< A content, refusal, tool call or thinking delta is among them.
  bool finished = false; ///< The answer is complete; nothing follows.
  std::optional<token_usage> usage;
  std::optional<upstream_failure>
      failure; ///< An error event, invalid data, or a cut (from finish()).
};

/// Incremental translation of one stream. Never throws.
class stream_decoder {
public:
  virtual ~stream_decoder() = default;
  /// Takes the next bytes as they came; any border is allowed.
  virtual stream_update feed(std::string_view bytes) = 0;
  /// The upstream closed cleanly. A stream without its proper end is a failure (server_error).
  virtual stream_update finish() = 0;
};

/// What an adapter knows of the attempt it serves.
struct attempt_context {
  const config::provider_config& provider;
  const config::model_config& model;
  const config::tier_parameters& parameters; ///< Node's over tier's, already merged.
  std::string_view api_key;                  ///< May be empty.
};

class adapter {
public:
  virtual ~adapter() = default;
  /// Translates for this attempt. Never throws; `request` is not changed.
  [[nodiscard]] virtual built_request build(const canonical_request& request,
                                            const attempt_context& context) const = 0;
  /// Reads a plain 2xx answer.
  [[nodiscard]] virtual plain_reply parse(const canonical_request& request,
                                          std::string_view body) const = 0;
  /// Reads a non-2xx answer. `now` is the wall clock, for HTTP dates.
  [[nodiscard]] virtual upstream_failure
  parse_error(int status, const header_list& headers, std::string_view body,
              std::chrono::system_clock::time_point now) const = 0;
  /// Decoder for one 2xx stream. `created` is Unix seconds for providers that send none.
  [[nodiscard]] virtual std::unique_ptr<stream_decoder>
  decode_stream(const canonical_request& request, std::int64_t created) const = 0;
};

/// As adapter::parse(); a server that answers a plain call with a stream of events is understood
/// too.
[[nodiscard]] plain_reply read_plain(const adapter& wire, const canonical_request& request,
                                     std::string_view body, std::int64_t created);

/// The adapter of a provider; lives as long as that does.
[[nodiscard]] const adapter& adapter_for(const config::provider_config& provider);
/// The adapter of a kind; lives as long as the process. A simulator speaks OpenAI's format.
[[nodiscard]] const adapter& adapter_for(config::provider_kind kind);

} // namespace echelon::providers
