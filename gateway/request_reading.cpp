#include "gateway/request_reading.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>

namespace echelon::gateway {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

/// Takes what has arrived. False: it needs more than that.
bool parse_some(connection& client, request_parser& parser, error_code& error) {
  if (client.buffer.size() == 0) return false;
  error = {};
  client.buffer.consume(parser.put(client.buffer.data(), error));
  if (error != http::error::need_more) return true;
  error = {};
  return false;
}

/// Waits for more, and says what is wrong if no more comes.
asio::awaitable<void> read_more(connection& client, request_parser& parser, error_code& error) {
  constexpr std::size_t least = 512, most = 65536; // An idle connection keeps little memory.
  const auto room = client.buffer.prepare(
      std::clamp(client.buffer.capacity() - client.buffer.size(), least, most));
  const auto n = co_await client.stream.async_read_some(
      room, asio::redirect_error(asio::use_awaitable, error));
  client.buffer.commit(n);
  if (error != asio::error::eof) co_return;
  error = {};
  if (parser.got_some())
    parser.put_eof(error);
  else
    error = http::error::end_of_stream;
}

} // namespace

asio::awaitable<void> read_head(connection& client, request_parser& parser, part_limit time,
                                error_code& error) {
  while (!parser.is_header_done() && !error) {
    if (parse_some(client, parser, error)) continue;
    time.start();
    co_await read_more(client, parser, error);
  }
}

asio::awaitable<body_outcome> read_body(connection& client, request_parser& parser,
                                        held_bytes& held, std::uint64_t limit, part_limit time,
                                        error_code& error) {
  while (!parser.is_done() && !error) {
    if (!parse_some(client, parser, error)) {
      time.start();
      co_await read_more(client, parser, error);
    }
    if (!held.grow_to(parser.get().body().size(), limit)) co_return body_outcome::no_room;
  }
  co_return error ? body_outcome::broken : body_outcome::whole;
}

asio::awaitable<bool> another_request(connection& client, std::chrono::nanoseconds limit) {
  if (client.buffer.size() > 0) co_return true;
  error_code error;
  client.stream.expires_after(limit);
  const auto room = client.buffer.prepare(4096);
  const auto n = co_await client.stream.async_read_some(
      room, asio::redirect_error(asio::use_awaitable, error));
  client.buffer.commit(n);
  co_return !error;
}

} // namespace echelon::gateway
