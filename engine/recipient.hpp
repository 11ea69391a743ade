/// Who gets the answer of a call: a client's socket, or a caller in this process.
#pragma once

#include "engine/api_error.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <nlohmann/json.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace echelon::engine {

/// What a call was, apart from its answer.
struct call_report {
  std::string request_id;
  std::string route; ///< `plan_group.echelon2/openai-gpt4-turbo`; empty: no attempt was made.
  std::uint32_t attempts = 0;
  std::vector<std::string> dropped; ///< Fields that the provider cannot express.
};

/// Everything is called on executor(), one at a time. A call ends with exactly one of answer(),
/// finish() and fail(), unless nobody waits for it any more. Any of them may throw
/// boost::system::system_error: the caller cannot be reached, the call ends as if he had left.
class recipient {
public:
  using chunk_list = std::vector<nlohmann::json>;

  virtual ~recipient() = default;
  [[nodiscard]] virtual boost::asio::any_io_executor executor() = 0;
  /// `gone` is called at most once, when nobody waits for the answer any more; not after unwatch().
  virtual void watch(std::function<void()> gone) = 0;
  virtual void unwatch() = 0;
  /// The whole answer of a plain call: OpenAI's chat completion object (or embeddings list). Where
  /// the request came with its text, the answer may come as `text`; `canonical` is null then.
  virtual boost::asio::awaitable<void>
  answer(const call_report& of, const nlohmann::json& canonical, std::string_view text) = 0;
  /// A stream begins, with the chunks up to its first content.
  virtual boost::asio::awaitable<void> begin(const call_report& of, const chunk_list& first) = 0;
  /// More of a stream that has begun. May take as long as the caller wants: that holds the stream.
  virtual boost::asio::awaitable<void> pass(const chunk_list& more) = 0;
  /// The clean end of a stream.
  virtual boost::asio::awaitable<void> finish() = 0;
  /// The end without an answer; of a stream that has begun, too.
  virtual boost::asio::awaitable<void> fail(const call_report& of, const final_error& why) = 0;
  /// begin() was called: content is out.
  [[nodiscard]] virtual bool begun() const = 0;
  /// The call ends without a word, since the caller has left or cannot be reached.
  virtual void abandoned() = 0;
};

} // namespace echelon::engine
