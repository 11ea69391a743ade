/// A client's request as its bytes come in: parsed on the spot, waited for only when there are
/// none.
#pragma once

#include "gateway/connection.hpp"
#include "gateway/front_load.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <chrono>
#include <cstdint>
#include <utility>

namespace echelon::gateway {

using request_parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

/// Time for all that has to be waited for in one part of a request; asked for the time only then.
struct part_limit {
  connection& of;
  std::chrono::nanoseconds limit;
  void start() {
    if (!std::exchange(started, true)) of.stream.expires_after(limit);
  }
  bool started = false;
};

/// Waits for the first byte of another request. False: none came.
boost::asio::awaitable<bool> another_request(connection& client, std::chrono::nanoseconds limit);

/// Until the head is complete, or `error` says why it cannot be.
boost::asio::awaitable<void> read_head(connection& client, request_parser& parser, part_limit time,
                                       boost::system::error_code& error);

enum class body_outcome : std::uint8_t { whole, broken, no_room };

/// Reads the body as it comes: bytes count from when they are here, not from when they are
/// announced; `limit` bytes may be held by all requests together.
boost::asio::awaitable<body_outcome> read_body(connection& client, request_parser& parser,
                                               held_bytes& held, std::uint64_t limit,
                                               part_limit time, boost::system::error_code& error);

} // namespace echelon::gateway
