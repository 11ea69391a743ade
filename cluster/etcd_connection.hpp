/// One connection to an etcd, plain or TLS, for one request. Every step ends within the time that
/// was given, but for the lookup of a name.
#pragma once

#include "cluster/etcd_wire.hpp"
#include "config/url.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace echelon::cluster {

/// Throws std::runtime_error, naming the file that cannot be read.
[[nodiscard]] boost::asio::ssl::context etcd_tls(const std::string& ca, const std::string& cert,
                                                 const std::string& key);

class etcd_connection {
public:
  using duration = std::chrono::steady_clock::duration;
  template <class T>
  using awaitable = boost::asio::awaitable<T>;

  etcd_connection(boost::asio::io_context& io, boost::asio::ssl::context& tls,
                  const config::endpoint& to);

  // All throw boost::system::system_error.
  awaitable<void> open(duration patience);
  /// Sends it and reads the head of the answer.
  awaitable<void> post(const etcd_request& x, duration patience);
  /// The rest of the answer.
  awaitable<std::string> read_all();
  /// What has come of the body since the last call, at least a piece; empty: it has ended.
  awaitable<std::string> read_some(duration patience);
  [[nodiscard]] unsigned status() const { return parser_.get().result_int(); }

private:
  using plain_stream = boost::beast::tcp_stream;
  using tls_stream = boost::beast::ssl_stream<plain_stream>;

  plain_stream& lowest() { return tls_ ? boost::beast::get_lowest_layer(*tls_) : *plain_; }

  config::endpoint to_;
  boost::asio::ip::tcp::resolver resolver_;
  std::optional<plain_stream> plain_;
  std::optional<tls_stream> tls_;
  boost::beast::flat_buffer buffer_;
  boost::beast::http::response_parser<boost::beast::http::string_body> parser_;
};

} // namespace echelon::cluster
