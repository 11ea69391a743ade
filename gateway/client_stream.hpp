/// The bytes of one client, plain or in TLS.
#pragma once

#include "providers/send_at_once.hpp"
#include "providers/time_limit.hpp"

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <utility>

namespace echelon::gateway {

/// An AsyncReadStream and AsyncWriteStream with a time limit. A context means TLS: handshake()
/// comes first. It keeps the context it began with.
class client_stream {
public:
  using clock = providers::time_limit::clock;
  using context_ptr = std::shared_ptr<boost::asio::ssl::context>;
  using executor_type = boost::asio::ip::tcp::socket::executor_type;

  client_stream(boost::asio::ip::tcp::socket socket, context_ptr context)
      : socket_(std::move(socket)), limit_(socket_), context_(std::move(context)) {
    if (context_) tls_ = std::make_unique<tls_stream>(socket_, *context_);
  }

  executor_type get_executor() { return socket_.get_executor(); }
  boost::asio::ip::tcp::socket& socket() { return socket_; }
  [[nodiscard]] bool encrypted() const { return tls_ != nullptr; }
  /// From then on whatever is read or written is cancelled, until another limit is set.
  void expires_after(std::chrono::nanoseconds limit) { limit_.set(clock::now() + limit); }
  void expires_never() { limit_.set(clock::time_point::max()); }
  /// The time that was set last is up.
  [[nodiscard]] bool expired() const { return limit_.passed(); }
  /// Without a farewell.
  void close() {
    boost::system::error_code ignored;
    socket_.close(ignored);
  }

  /// Nothing to do without TLS. Throws boost::system::system_error.
  boost::asio::awaitable<void> handshake();
  /// Tells the client that no more comes; it may still send. At most one second.
  boost::asio::awaitable<void> end_output();

  /// As providers::send_at_once(); false in TLS.
  template <std::size_t N>
  bool send_at_once(std::array<boost::asio::const_buffer, N>& parts) {
    return !tls_ && providers::send_at_once(socket_, parts);
  }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& to, Token&& token) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
        [this](auto then, const auto& buffers) {
          if (tls_)
            tls_->async_read_some(buffers, std::move(then));
          else
            socket_.async_read_some(buffers, std::move(then));
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
            socket_.async_write_some(buffers, std::move(then));
        },
        token, from);
  }

private:
  using tls_stream = boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>;
  boost::asio::ip::tcp::socket socket_;
  providers::time_limit limit_;
  context_ptr context_;
  std::unique_ptr<tls_stream> tls_;
};

} // namespace echelon::gateway
