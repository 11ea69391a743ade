/// The listening socket: its own, or one that was opened before this process began.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <cstdint>
#include <string>

namespace echelon::gateway {

/// Used from one thread.
class listener {
public:
  /// Takes over the first of LISTEN_FDS, as systemd's socket units hand them over, else binds.
  /// Throws boost::system::system_error if that fails.
  listener(boost::asio::io_context& on, const std::string& host, std::uint16_t port);
  ~listener();
  listener(const listener&) = delete;
  listener& operator=(const listener&) = delete;

  boost::asio::ip::tcp::acceptor acceptor;
  /// The socket outlives this process: connections wait in it for the next one.
  [[nodiscard]] bool inherited() const { return inherited_; }
  /// No descriptor was left for a connection: gives up the one kept for that, tells the client by
  /// 503 (unless it speaks TLS) and takes another. False: even that was not possible.
  bool turn_one_away(bool tls);

private:
  void reserve();
  bool inherited_ = false;
  int reserve_ = -1;
};

/// Says 503 without waiting for anything, then leaves the socket to be closed.
void say_busy(int descriptor);

} // namespace echelon::gateway
