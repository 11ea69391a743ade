/// One connection of a load generator.
#pragma once

#include "cli/bench/tally.hpp"
#include "providers/time_limit.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>

namespace echelon::cli {

/// What the workers of one run share; on one thread.
struct course {
  using clock = std::chrono::steady_clock;
  const offered_load& load;
  std::vector<boost::asio::ip::tcp::endpoint> where; ///< Not empty.
  clock::time_point start, end; ///< Requests become due from `start` until before `end`.
  std::uint64_t next = 0;       ///< With a rate: the request that the next free worker takes.
  std::size_t running = 0;      ///< Workers.
  tally result;
};

/// Takes requests one by one, in the order in which they become due, and keeps its connection.
class worker {
public:
  worker(boost::asio::io_context& io, course& of)
      : of_(of), timer_(io), socket_(io), limit_(socket_) {}

  /// Ends when no request becomes due any more.
  boost::asio::awaitable<void> run();
  /// Looks again whether its next request is still to be sent, as `course::end` has changed.
  void hurry() { timer_.cancel(); }

private:
  using parser = boost::beast::http::response_parser<boost::beast::http::buffer_body>;

  boost::asio::awaitable<bool> wait_for_turn(outcome& x);
  boost::asio::awaitable<void> exchange(outcome& x);
  /// @returns Whether a connection is there.
  boost::asio::awaitable<bool> connect(outcome& x);
  /// Takes what has come, or waits for more.
  boost::asio::awaitable<void> advance(parser& reply, boost::system::error_code& error);
  boost::asio::awaitable<void> read_body(parser& from, outcome& x);
  void fail(outcome& x, const char* kind, const boost::system::error_code& why);
  void close();

  course& of_;
  boost::asio::steady_timer timer_;
  boost::asio::ip::tcp::socket socket_;
  providers::time_limit limit_;
  boost::beast::flat_buffer buffer_;
};

} // namespace echelon::cli
