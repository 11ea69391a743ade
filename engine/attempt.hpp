/// One attempt at one upstream: translated, sent, and read until its answer begins.
#pragma once

#include "policy/dispatch.hpp"
#include "providers/key_ring.hpp"
#include "providers/transport.hpp"

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace echelon::engine {

/// What an attempt is made of. References must outlive it.
struct attempt_terms {
  const config::RouterConfig& config;
  const providers::canonical_request& request;
  config::tier_parameters parameters;
  std::string model;
  providers::key_book& keys;
  std::string client_key; ///< Sent in place of the provider's where it asks for that.
  policy::duration timeout{};
  policy::time_point deadline{};
  std::chrono::system_clock::time_point wall; ///< When the client's request came.
  std::string label{};                        ///< `plan_group.echelon2/openai-gpt4-turbo`
  std::string span_id{};            ///< Its span, where its trace is recorded, else empty.
  providers::header_list headers{}; ///< For the upstream, beside the adapter's.
};

/// What an upstream calls its answer.
struct answer_facts {
  std::string id, model;
  std::vector<std::string> finish_reasons; ///< One for each choice that has ended.
};

/// Used from one executor only.
class upstream_attempt {
public:
  upstream_attempt(attempt_terms terms, providers::transport& upstreams);

  /// Until the answer has begun: a plain one whole, a stream with its first content (or its end).
  /// Or until failure(). Never throws.
  boost::asio::awaitable<void> begin();
  /// The next pieces of a stream that has begun; `finished` is set on the last. Never throws.
  boost::asio::awaitable<std::vector<nlohmann::json>> more();
  /// Ends what is pending with a failure. Safe at any time.
  void cancel();

  [[nodiscard]] bool done() const { return done_; } ///< begin() has returned.
  /// The answer has begun: there is something for the client, whatever comes after.
  [[nodiscard]] bool begun() const { return done_ && (content_ || !failure_); }
  [[nodiscard]] bool finished() const { return finished_; }
  [[nodiscard]] const std::optional<providers::upstream_failure>& failure() const {
    return failure_;
  }
  /// As decisions need it. `committed`: the client has seen content of it.
  [[nodiscard]] policy::attempt_result result(bool committed) const;
  [[nodiscard]] const std::optional<providers::token_usage>& usage() const { return usage_; }
  /// Client fields that this provider cannot express.
  [[nodiscard]] const std::vector<std::string>& dropped() const { return dropped_; }
  [[nodiscard]] const std::string& model() const { return terms_.model; }
  [[nodiscard]] const std::string& label() const { return terms_.label; }
  /// Seconds from begin() to now.
  [[nodiscard]] double seconds() const;
  [[nodiscard]] const attempt_terms& terms() const { return terms_; }
  [[nodiscard]] policy::time_point begun_at() const { return begun_; }
  /// Seconds from begin() to the first content of a stream.
  [[nodiscard]] std::optional<double> first_content_after() const { return first_content_; }
  /// Of attempts with a span only.
  [[nodiscard]] const answer_facts& answered() const { return answered_; }

  nlohmann::json plain;               ///< The canonical answer of a plain call.
  std::string plain_text;             ///< The same as text; in place of `plain` if not empty.
  std::vector<nlohmann::json> chunks; ///< Of a stream, up to its first content.

private:
  boost::asio::awaitable<void> exchange();
  bool another_key();
  boost::asio::awaitable<std::string> read_all(std::size_t most, bool cut);
  boost::asio::awaitable<void> read_failure(const providers::adapter& wire,
                                            const providers::response_head& head);
  boost::asio::awaitable<void> read_plain(const providers::adapter& wire);
  boost::asio::awaitable<void> read_first(const providers::adapter& wire);
  boost::asio::awaitable<bool> read_piece(std::vector<nlohmann::json>& to);
  void fail(providers::upstream_failure x);
  void note(const nlohmann::json& answer);

  attempt_terms terms_;
  providers::transport& upstreams_;
  std::unique_ptr<providers::exchange> from_;
  std::unique_ptr<providers::stream_decoder> decoder_;
  std::optional<providers::upstream_failure> failure_;
  std::optional<providers::token_usage> usage_;
  std::vector<std::string> dropped_;
  std::string key_;
  std::vector<std::size_t> tried_; ///< Keys of the provider, by index.
  policy::time_point begun_{};
  std::optional<double> first_content_;
  answer_facts answered_;
  bool done_ = false, content_ = false, finished_ = false;
};

} // namespace echelon::engine
