/// One request to an upstream over a real socket.
#pragma once

#include "providers/crowd.hpp"
#include "providers/http_transport_connect.hpp"
#include "providers/http_transport_decode.hpp"
#include "providers/http_transport_pool.hpp"
#include "providers/transport.hpp"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>

#include <optional>

namespace echelon::providers {

/// State of an exchange, shared with its pending operations so that the exchange may be destroyed
/// under them.
class http_exchange_state : public std::enable_shared_from_this<http_exchange_state> {
public:
  using reason = transport_error::reason;
  using error_code = boost::system::error_code;

  http_exchange_state(std::shared_ptr<http_pool> pool, const config::provider_config& provider);

  static boost::asio::awaitable<response_head> start(std::shared_ptr<http_exchange_state> self,
                                                     http_request request);
  static boost::asio::awaitable<std::string> read(std::shared_ptr<http_exchange_state> self);
  void expires_at(std::chrono::steady_clock::time_point t);
  /// Closes everything; pending and later operations throw `why`. The first reason stays.
  void abort(reason why);

private:
  using parser_type = boost::beast::http::response_parser<boost::beast::http::buffer_body>;
  /// How far an attempt came.
  enum class attempt { answered, died_silently };

  boost::asio::awaitable<void> connect();
  /// The socket of a connection, or why there is none.
  boost::asio::awaitable<error_code> dial(std::shared_ptr<http_connect>& by);
  /// Asks the proxy for a way to the origin; fails if it does not give one.
  boost::asio::awaitable<void> open_tunnel();
  /// Fails if what came is the proxy's own refusal.
  void check_proxy();
  [[noreturn]] void too_slow();
  [[noreturn]] void cannot_connect(const std::string& why, reason of = reason::network);
  boost::asio::awaitable<attempt> send_and_read_head(const std::string& head,
                                                     const std::string& body);
  /// True once the final head is complete. Skips 1xx.
  bool parse_head();
  void new_parser();
  boost::asio::awaitable<std::string> read_encoded();
  response_head take_head();
  void release();
  void arm();
  /// Throws if the exchange was aborted or its time is over.
  void check();
  [[noreturn]] void fail(std::string text, reason of = reason::network);

  crowd_member here_;
  std::shared_ptr<http_pool> pool_;
  http_origin origin_;
  std::chrono::nanoseconds connect_timeout_;
  std::optional<std::string> bad_url_; ///< Told by start().
  std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::time_point::max();
  /// While it connects: for the deadline, which then is the connection's, and for the connecting.
  std::optional<boost::asio::steady_timer> timer_, connect_timer_;
  bool connect_expired_ = false;
  std::optional<reason> aborted_;

  std::shared_ptr<http_connect> connecting_;
  std::shared_ptr<http_connection> connection_;
  bool reused_ = false;
  boost::beast::flat_buffer buffer_;
  std::optional<parser_type> parser_;
  std::optional<content_decoder> decoder_;
  bool ended_ = false;   ///< The message was read to its end; the connection is gone.
  bool drained_ = false; ///< read() returned everything.
};

/// Text of a request's head. Throws transport_error (network) if a header cannot be sent as it is.
[[nodiscard]] std::string request_head(const http_origin& origin, const http_request& request);

} // namespace echelon::providers
