/// The HTTP server: reactor threads, listener, drain.
#pragma once

#include "engine/router.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace echelon::providers {
class simulator_engine;
}

namespace echelon::gateway {

using engine::router;

class server {
public:
  /// Binds at once, or takes over the socket of LISTEN_FDS; throws boost::system::system_error
  /// naming the address if that fails, std::runtime_error naming the file if TLS cannot be had.
  server(router& of, std::shared_ptr<providers::simulator_engine> simulator);
  ~server();
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  /// `http://127.0.0.1:8080`, with the port that was really bound.
  [[nodiscard]] std::string address() const;
  /// Serves until stopped. SIGTERM and SIGINT drain: no new requests, those in flight finish within
  /// server.drain_timeout; a second one ends at once. SIGHUP reloads.
  void run();
  /// Reloads when the files of this configuration change. Call before run().
  /// `loaded`: its look_of() before it was read. What has changed since then is a change.
  void watch(std::string path, std::string loaded);
  /// As a first SIGTERM. Thread-safe.
  void drain();

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace echelon::gateway
