/// Writes one event stream and bridges its silences with comments.
#pragma once

#include "gateway/connection.hpp"

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <string>

namespace echelon::gateway {

/// One writer per socket: a comment (`: keep-alive`) goes out after each 15 s of silence, only
/// between events. Call stop() or end() before it is destroyed, once begun.
class stream_writer {
public:
  explicit stream_writer(connection& to);
  ~stream_writer();
  stream_writer(const stream_writer&) = delete;
  stream_writer& operator=(const stream_writer&) = delete;

  [[nodiscard]] bool begun() const;
  boost::asio::awaitable<void> begin(const header_fields& headers, std::string first);
  boost::asio::awaitable<void> write(std::string events);
  /// Writes the last events and the end of the framing.
  boost::asio::awaitable<void> end(std::string last);
  /// No more comments; the stream stays open for whoever ends it.
  boost::asio::awaitable<void> stop();

private:
  struct state;
  static boost::asio::awaitable<void> bridge_silences(std::shared_ptr<state> x);
  boost::asio::awaitable<void> quiet();
  connection& to_;
  std::shared_ptr<state> state_; // Null until begin(): most answers are no streams.
};

} // namespace echelon::gateway
