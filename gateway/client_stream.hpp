/// The bytes of one client, plain or in TLS.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/tcp_stream.hpp>

#include <memory>
#include <utility>

namespace echelon::gateway {

/// An AsyncReadStream and AsyncWriteStream with the time limits of Beast's tcp_stream. A context
/// means TLS: handshake() comes first. It keeps the context it began with.
class client_stream {
public:
  using context_ptr = std::shared_ptr<boost::asio::ssl::context>;
  using executor_type = boost::beast::tcp_stream::executor_type;

  client_stream(boost::asio::ip::tcp::socket socket, context_ptr context)
      : tcp_(std::move(socket)), context_(std::move(context)) {
    if (context_) tls_ = std::make_unique<tls_stream>(tcp_, *context_);
  }

  executor_type get_executor() { return tcp_.get_executor(); }
  boost::asio::ip::tcp::socket& socket() { return tcp_.socket(); }
  [[nodiscard]] bool encrypted() const { return tls_ != nullptr; }
  void expires_after(std::chrono::nanoseconds limit) { tcp_.expires_after(limit); }
  void expires_never() { tcp_.expires_never(); }
  /// Without a farewell.
  void close() { tcp_.close(); }

  /// Nothing to do without TLS. Throws boost::system::system_error.
  boost::asio::awaitable<void> handshake();
  /// Tells the client that no more comes; it may still send. At most one second.
  boost::asio::awaitable<void> end_output();

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& to, Token&& token) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
        [this](auto then, const auto& buffers) {
          if (tls_)
            tls_->async_read_some(buffers, std::move(then));
          else
            tcp_.async_read_some(buffers, std::move(then));
        },
        token, to);
  }

  template <class Buffers, class Token>
  auto async_write_some(const Buffers& from, Token&& token) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
        [this](auto then, const auto& buffers) {
          if (tls_)
            tls_->async_write_some(buffers, std::move(then));
          else
            tcp_.async_write_some(buffers, std::move(then));
        },
        token, from);
  }

private:
  using tls_stream = boost::asio::ssl::stream<boost::beast::tcp_stream&>;
  boost::beast::tcp_stream tcp_;
  context_ptr context_;
  std::unique_ptr<tls_stream> tls_;
};

} // namespace echelon::gateway
