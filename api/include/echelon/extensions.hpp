/// @file
/// Parts of the router that a host writes in its own code.
#pragma once

#include <echelon/export.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace echelon {

/// Header names and values.
using Headers = std::vector<std::pair<std::string, std::string>>;

/// What a failed attempt means for the request and for the model.
enum class FailureClass : std::uint8_t {
  network,          ///< No answer: retry here, move on, counts for breakers.
  timeout,          ///< The attempt's own timer: as network.
  request_timeout,  ///< 408, 409: retry here, move on; counts for nothing.
  rate_limited,     ///< 429: benches the model until Retry-After.
  quota_exhausted,  ///< Benches the model, move on.
  credential,       ///< 401, 403: benches the model, move on.
  model_missing,    ///< 404: benches the model, move on.
  server_error,     ///< 5xx: retry here, move on, counts for breakers.
  invalid_reply,    ///< No valid answer: as server_error.
  client_fault,     ///< The request is wrong: give up, the caller is told.
  context_overflow, ///< The prompt is too long: on_context_overflow decides.
  content_policy,   ///< A filter refused: on_content_policy decides.
  untranslatable    ///< Cannot be said to this provider: move on.
};

/// A failure as an upstream told it.
struct UpstreamFailure {
  FailureClass kind = FailureClass::server_error;         ///< What it means.
  int status = 0;                                         ///< HTTP status; 0: none.
  std::string code{};                                     ///< May be empty.
  std::string message{};                                  ///< For people; no secrets.
  std::optional<std::chrono::milliseconds> retry_after{}; ///< If it told.
};

/// One attempt at an upstream of a provider kind of the host.
struct ProviderCall {
  std::string body;      ///< OpenAI's chat completion body; `model` is the provider's own id.
  bool stream = false;   ///< A stream is wanted.
  std::string model;     ///< The provider's own model id.
  std::string api_key;   ///< Secret; may be empty.
  bool thinking = false; ///< The tier or node asks for thinking.
  std::optional<std::uint32_t> thinking_budget; ///< LLM tokens.
};

/// The HTTP request of an attempt, sent to the provider's `base_url`.
struct ProviderRequest {
  std::string method = "POST";              ///< HTTP method.
  std::string target{};                     ///< Path with query, joined with the base URL's path.
  Headers headers{};                        ///< Without Host, Content-Length and Connection.
  std::string body{};                       ///< As it is sent.
  std::vector<std::string> dropped{};       ///< Fields that this provider cannot express.
  std::optional<UpstreamFailure> failure{}; ///< Set: nothing is sent.
};

/// A plain answer.
struct ProviderReply {
  std::string completion{};                 ///< OpenAI's chat completion object, as JSON.
  std::optional<UpstreamFailure> failure{}; ///< Set: the answer is none.
};

/// What a piece of a stream meant.
struct ProviderUpdate {
  std::vector<std::string> chunks{};        ///< OpenAI's `chat.completion.chunk` objects, as JSON.
  bool finished = false;                    ///< The answer is complete.
  std::optional<UpstreamFailure> failure{}; ///< It broke.
};

/// Reads one stream; used from one thread.
class ECHELON_API ProviderStream {
public:
  virtual ~ProviderStream();
  /// The next bytes as they came; any border is allowed.
  virtual ProviderUpdate feed(std::string_view bytes) = 0;
  /// The upstream closed. By default a stream without its end is a server_error.
  virtual ProviderUpdate finish();
};

/// A wire format, for `providers.<name>.kind`. Pure and thread-safe: the router does the I/O, the
/// limits and the retries. What it throws is an invalid_reply.
class ECHELON_API ProviderKind {
public:
  virtual ~ProviderKind();
  /// The request of an attempt.
  [[nodiscard]] virtual ProviderRequest build(const ProviderCall& call) const = 0;
  /// Reads a plain 2xx answer.
  [[nodiscard]] virtual ProviderReply parse(std::string_view body) const = 0;
  /// Reads another answer. By default decided by the status.
  [[nodiscard]] virtual UpstreamFailure parse_error(int status, const Headers& headers,
                                                    std::string_view body) const;
  /// A reader of one 2xx stream. By default streams are refused: such a call moves on.
  [[nodiscard]] virtual std::unique_ptr<ProviderStream> read_stream() const;
};

/// One member of a pool, as a rotation sees it.
struct RotationMember {
  std::size_t index = 0;    ///< In `task_groups` of the pool.
  std::uint32_t weight = 1; ///< As the configuration has it.
  std::uint64_t turns = 0;  ///< How often it was first.
};

/// The order in which a pool's members are tried, for `polling_pools.<name>.rotation_strategy`.
/// Called in the pool's actor: quick, no I/O. `usable` is not empty; `turn` counts up from 0.
/// @returns Indices of `usable` members, the preferred first; those left out come last.
using RotationStrategy = std::function<std::vector<std::size_t>(
    const std::vector<RotationMember>& usable, std::uint64_t turn)>;

/// Judges a failure of an upstream anew; `failure.kind` is what the router takes it for.
/// Thread-safe and quick. @returns What it is to be taken for.
using FailureClassifier =
    std::function<FailureClass(const std::string& model, const UpstreamFailure& failure)>;

/// Parts of the host. Names must not be those that the router has itself.
struct Extensions {
  std::map<std::string, std::shared_ptr<const ProviderKind>> provider_kinds{}; ///< By `kind`.
  std::map<std::string, RotationStrategy> rotation_strategies{}; ///< By `rotation_strategy`.
  FailureClassifier failure_classifier{};                        ///< Empty: the router's own table.
};

} // namespace echelon
