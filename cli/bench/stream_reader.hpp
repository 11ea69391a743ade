/// What a load generator wants to know of a streamed answer.
#pragma once

#include "providers/sse.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace echelon::cli {

/// Reads a stream of OpenAI's chat completions as its bytes come.
class stream_reader {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// `now` is when these bytes came.
  void feed(std::string_view bytes, time_point now);

  /// When the first text, thought or tool call came.
  [[nodiscard]] const std::optional<time_point>& first() const { return first_; }
  [[nodiscard]] std::uint64_t events() const { return events_; }
  /// Empty if the stream came to its proper end; call it when nothing more comes.
  [[nodiscard]] std::string failure() const;

private:
  void take(const std::string& data, time_point now);

  providers::sse_parser parser_;
  std::optional<time_point> first_;
  std::uint64_t events_ = 0;
  std::string error_;
  bool finished_ = false;
};

} // namespace echelon::cli
