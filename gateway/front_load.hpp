/// How much the front has taken on, and what it refuses.
#pragma once

#include "config/router_config.hpp"
#include "engine/api_error.hpp"
#include "policy/overload.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace echelon::gateway {

/// Shared by all reactors; thread-safe.
class front_load {
public:
  /// A connection from this address; false: there are too many, and no leave follows.
  [[nodiscard]] bool enter_connection(const std::string& address,
                                      const config::server_config& limits);
  void leave_connection(const std::string& address);

  /// A request; the error to answer, or nothing: it is in, and leave_request() follows.
  [[nodiscard]] std::optional<engine::api_error> enter_request(const std::string& client,
                                                               std::uint8_t priority,
                                                               const config::server_config& limits);
  void leave_request(const std::string& client);

  /// False: there is no room for so many more.
  [[nodiscard]] bool take_bytes(std::uint64_t more, std::uint64_t limit);
  void give_bytes(std::uint64_t n) { bytes_ -= n; }

  /// The system gave no descriptor for a connection.
  void count_without_descriptor() { ++refused_.at(no_descriptor); }

  [[nodiscard]] std::uint64_t connections() const { return connections_; }
  /// Prometheus exposition text.
  [[nodiscard]] std::string metrics() const;

  std::uint64_t most_connections = UINT64_MAX; ///< That the descriptors are enough for.
  /// Another process takes new connections: what comes on those here is answered to the last.
  std::atomic<bool> handed_over{false};
  /// When the certificate that the front shows ends, in Unix seconds; 0: it shows none.
  std::atomic<std::int64_t> certificate_end{0};

private:
  enum what : std::uint8_t {
    connection_limit,
    client_connections,
    no_descriptor,
    request_limit,
    fair_share,
    client_requests,
    memory,
    whats
  };
  std::mutex connection_mutex_, request_mutex_;
  std::unordered_map<std::string, std::uint64_t> by_address_;
  policy::overload_gate requests_;
  std::atomic<std::uint64_t> connections_{0}, bytes_{0};
  std::array<std::atomic<std::uint64_t>, whats> refused_{};
};

/// Bytes held for one request; given back at its end.
class held_bytes {
public:
  explicit held_bytes(front_load& of) : of_(of) {}
  ~held_bytes() { of_.give_bytes(held_); }
  held_bytes(const held_bytes&) = delete;
  held_bytes& operator=(const held_bytes&) = delete;
  /// False: there is no room for it.
  [[nodiscard]] bool grow_to(std::uint64_t n, std::uint64_t limit) {
    if (n <= held_) return true;
    if (!of_.take_bytes(n - held_, limit)) return false;
    held_ = n;
    return true;
  }

private:
  front_load& of_;
  std::uint64_t held_ = 0;
};

} // namespace echelon::gateway
