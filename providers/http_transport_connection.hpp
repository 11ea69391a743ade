/// One connection to an upstream, plain or TLS.
#pragma once

#include "providers/http_transport_origin.hpp"
#include "providers/time_limit.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <variant>

namespace echelon::providers {

/// Reads CA certificates into a client context: TLS 1.2 or newer, peers are verified. Throws
/// transport_error (network) if `ca_file` cannot be read, or `exhausted`.
[[nodiscard]] std::shared_ptr<boost::asio::ssl::context>
make_tls_context(const std::string& ca_file);

/// A connected socket. Closed by its destructor. Operations never throw: they set `ec`.
class http_connection {
public:
  using socket_type = boost::asio::ip::tcp::socket;
  using error_code = boost::system::error_code;

  explicit http_connection(socket_type socket);
  http_connection(socket_type socket, std::shared_ptr<boost::asio::ssl::context> context);

  /// TLS only: verifies the peer against `origin.host`; sends SNI for DNS names.
  /// @returns Empty, or why the peer is not trusted or not reachable.
  boost::asio::awaitable<std::string> handshake(const http_origin& origin);
  boost::asio::awaitable<std::size_t> read_some(boost::asio::mutable_buffer into, error_code& ec);
  boost::asio::awaitable<void> write(std::array<boost::asio::const_buffer, 2> bytes,
                                     error_code& ec);
  /// What is under way then, and what comes after it, ends as cancelled; max(): never.
  void expires_at(std::chrono::steady_clock::time_point t) { limit_.set(t); }
  void close();
  [[nodiscard]] std::chrono::steady_clock::time_point born() const { return born_; }
  /// Plain only: gives the socket away, as bytes are in neither direction under way.
  [[nodiscard]] socket_type release() { return std::move(std::get<socket_type>(stream_)); }
  /// True if the peer neither closed nor sent anything while nothing was asked.
  [[nodiscard]] bool quiet();

private:
  using tls_stream = boost::asio::ssl::stream<socket_type>;
  socket_type& socket();

  std::chrono::steady_clock::time_point born_ = std::chrono::steady_clock::now();
  std::shared_ptr<boost::asio::ssl::context> context_;
  std::variant<socket_type, tls_stream> stream_;
  time_limit limit_{socket()};
};

} // namespace echelon::providers
