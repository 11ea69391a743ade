/// Connections that wait for their next request, and what is known of each origin.
#pragma once

#include "providers/http_transport_connection.hpp"
#include "providers/http_transport_lookup.hpp"
#include "providers/http_transport_proxy.hpp"

#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

namespace echelon::providers {

/// Pool of one reactor; not thread-safe. Always owned by a shared_ptr: the transport and each of
/// its exchanges hold it.
class http_pool : public std::enable_shared_from_this<http_pool> {
public:
  static constexpr std::chrono::seconds idle_limit{30};
  /// A connection is not used again after so long: a busy one would never notice a changed address.
  static constexpr std::chrono::seconds life_limit{120};
  static constexpr std::size_t idle_per_origin = 256;
  /// How often idle connections are looked at: one that the other end has closed is dropped.
  static constexpr std::chrono::seconds look_interval{2};

  /// When a connection that is idle from `now` on is given up.
  [[nodiscard]] static std::chrono::steady_clock::time_point
  give_up_time(std::chrono::steady_clock::time_point born,
               std::chrono::steady_clock::time_point now) {
    return std::min(now + idle_limit, born + life_limit);
  }

  explicit http_pool(boost::asio::any_io_executor executor);

  /// Where requests to `provider` go, by proxy or not; worked out once for each base URL. Throws as
  /// origin_of() and proxy_for().
  [[nodiscard]] const http_origin& origin(const config::provider_config& provider);
  /// The connection that was used last and is still good, or null.
  [[nodiscard]] std::shared_ptr<http_connection> take(const http_origin& origin);
  /// Keeps a connection whose answer was read to its end.
  void give(const http_origin& origin, std::shared_ptr<http_connection> connection);
  /// Drops the connection that has been idle longest. @returns False if none is idle.
  bool drop_oldest();
  /// Drops all idle connections and keeps no more.
  void close();

  /// Client context for a CA file; read once. Throws transport_error.
  [[nodiscard]] std::shared_ptr<boost::asio::ssl::context> tls(const std::string& ca_file);

  /// Address family that connected last, by host.
  std::map<std::string, boost::asio::ip::tcp> family;

  [[nodiscard]] const boost::asio::any_io_executor& executor() const { return executor_; }
  [[nodiscard]] const std::shared_ptr<name_lookup>& names() const { return names_; }
  [[nodiscard]] const proxy_environment& proxies() const { return proxies_; }

private:
  struct idle {
    std::shared_ptr<http_connection> connection;
    std::chrono::steady_clock::time_point since;
    std::chrono::steady_clock::time_point until;
  };
  struct known_origin {
    std::string ca_file, proxy; ///< As configured.
    http_origin where;
  };
  void arm();
  void sweep();

  boost::asio::any_io_executor executor_;
  std::shared_ptr<name_lookup> names_ = std::make_shared<name_lookup>(executor_);
  proxy_environment proxies_ = proxy_environment::read();
  boost::asio::steady_timer timer_;
  bool armed_ = false;
  bool closed_ = false;
  std::unordered_map<std::string, known_origin> origins_; ///< By base URL.
  std::map<http_origin, std::deque<idle>> idle_;          ///< Oldest first; no empty entries.
  std::map<std::string, std::shared_ptr<boost::asio::ssl::context>> tls_;
};

} // namespace echelon::providers
