/// The simulated upstreams over real sockets, with every fault played faithfully.
#pragma once

#include "providers/simulator/engine.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace echelon::providers {

/// HTTP/1.1 server in front of an engine. Its work runs on the io_context, whose threads may be
/// several; the object may be used from any thread.
class simulator_server {
public:
  /// Binds and listens; port 0 picks a free one. Throws boost::system::system_error.
  simulator_server(boost::asio::io_context& context, const boost::asio::ip::tcp::endpoint& endpoint,
                   std::shared_ptr<simulator_engine> engine);
  ~simulator_server(); ///< Calls stop().
  simulator_server(const simulator_server&) = delete;
  simulator_server& operator=(const simulator_server&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  /// Begins to accept. To be called once.
  void start();
  /// Stops accepting and closes every connection.
  void stop();

private:
  struct impl;
  std::shared_ptr<impl> impl_;
};

/// `echelon simulate`: serves on `listen` (`ADDRESS:PORT`, IPv6 in brackets) until SIGINT or
/// SIGTERM. `script_path` may be empty. Prints its address to stdout once it is ready,
/// with `json` as an object with `url`.
/// @returns Exit code: 0 stopped by signal, 1 cannot listen, 2 bad `listen` or script.
[[nodiscard]] int run_simulator(const std::string& listen, const std::string& script_path,
                                bool json = false);

} // namespace echelon::providers
