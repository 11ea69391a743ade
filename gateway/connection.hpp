/// One client connection: how answers are written to it.
#pragma once

#include "gateway/client_stream.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace echelon::engine {
struct observation;
}

namespace echelon::gateway {

using header_fields = std::vector<std::pair<std::string, std::string>>;

class front_load;

/// Of the request being answered.
struct request_state {
  bool http_1_0 = false;
  bool keep_alive = true;              ///< The connection may serve another request.
  bool head_sent = false;              ///< Status and headers of the answer are out.
  bool chunked = false;                ///< A stream is being written in chunks.
  bool bodiless = false;               ///< HEAD: an answer's body would be read as the next answer.
  int status = 0;                      ///< Of the answer; 0: none has begun.
  std::uint64_t sent = 0;              ///< Bytes of its body.
  std::string done;                    ///< What an administrator's request did, in words.
  std::function<void()> on_status;     ///< Called with `status` known, before the client sees it.
  engine::observation* seen = nullptr; ///< Null: nobody looks.
};

struct connection : request_state {
  /// A context: the client speaks TLS.
  connection(boost::asio::ip::tcp::socket socket, client_stream::context_ptr context,
             front_load& shared)
      : stream(std::move(socket), std::move(context)), load(shared) {}
  client_stream stream;
  front_load& load;
  boost::beast::flat_buffer buffer;
  std::string address;   ///< Whom its client counts as.
  bool loopback = false; ///< The client is on this machine.
  bool used = false;     ///< A request has been answered on it.
  std::chrono::nanoseconds write_limit = std::chrono::seconds{60}; ///< server.write_timeout
  std::chrono::nanoseconds idle_limit = std::chrono::seconds{60};  ///< server.idle_timeout
  void next_request() { static_cast<request_state&>(*this) = {}; }
};

/// A whole answer. Adds Content-Length, Content-Type, Date-less minimal framing and Connection.
boost::asio::awaitable<void> write_answer(connection& to, int status, std::string_view content_type,
                                          const header_fields& headers, std::string_view body);

/// Head of an event stream: `text/event-stream`, no buffering on the way.
boost::asio::awaitable<void> begin_stream(connection& to, const header_fields& headers,
                                          std::string first);
/// Whole events; empty is fine.
boost::asio::awaitable<void> write_events(connection& to, std::string events);
/// Ends the stream's framing.
boost::asio::awaitable<void> end_stream(connection& to, std::string last);

} // namespace echelon::gateway
