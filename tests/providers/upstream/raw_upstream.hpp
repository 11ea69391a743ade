/// An upstream that plays raw bytes, on threads of its own.
#pragma once

#include "config/router_config.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace echelon::test {

/// One accepted connection. Operations block; they end when the upstream is destroyed.
class raw_peer {
public:
  explicit raw_peer(boost::asio::ip::tcp::socket socket) : socket_(std::move(socket)) {}
  /// Head and body of the next request, or what came before the client left.
  std::string request();
  void send(std::string_view bytes);
  /// Resets the connection.
  void reset();
  /// Closes the connection.
  void close();
  /// Returns once the client has closed.
  void wait_closed();
  /// Ends what blocks on another thread.
  void interrupt();
  boost::asio::ip::tcp::socket& socket() { return socket_; }

private:
  boost::asio::ip::tcp::socket socket_;
  std::mutex closing_; ///< A descriptor that was closed here may be somebody else's already.
  std::string buffer_;
};

class raw_upstream {
public:
  /// Runs on a thread per connection; `index` counts connections from 0. The connection is closed
  /// when it returns.
  using handler = std::function<void(raw_peer& peer, int index)>;

  explicit raw_upstream(handler play, const std::string& address = "127.0.0.1");
  ~raw_upstream();
  raw_upstream(const raw_upstream&) = delete;
  raw_upstream& operator=(const raw_upstream&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// Connections accepted so far.
  [[nodiscard]] int accepted() const { return accepted_; }
  [[nodiscard]] config::provider_config provider() const;

private:
  void accept();

  boost::asio::io_context context_;
  boost::asio::ip::tcp::acceptor acceptor_;
  std::uint16_t port_ = 0;
  std::string address_;
  handler play_;
  std::atomic<int> accepted_{0};
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::vector<std::shared_ptr<raw_peer>> peers_;
  std::vector<std::thread> threads_;
  std::thread acceptor_thread_;
};

/// A whole plain answer with Content-Length.
[[nodiscard]] std::string ok(std::string_view body, std::string_view more_headers = "");
/// Bytes as one chunk of chunked framing.
[[nodiscard]] std::string chunk(std::string_view bytes);
/// Head of a chunked 200.
inline constexpr std::string_view chunked_head =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

} // namespace echelon::test
