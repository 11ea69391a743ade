/// How a request reaches an upstream: real sockets, or the simulator in this process.
#pragma once

#include "providers/adapter.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <memory>
#include <string>

namespace echelon::providers {

/// Thrown by exchanges. `timeout` when expires_at passed; `cancelled` after cancel(); `exhausted`
/// when this process has no descriptor, port, buffer or thread to connect with.
struct transport_error : std::exception {
  enum class reason { network, timeout, cancelled, too_large, exhausted };
  transport_error(reason r, std::string text) : why(r), message(std::move(text)) {}
  const char* what() const noexcept override { return message.c_str(); }
  reason why;
  std::string message; ///< For the log and the decision record; names no key.
};

struct response_head {
  int status = 0;
  header_list headers; ///< Names in lower case.
};

/// One request and its answer. Used from one executor only. Destruction drops the connection unless
/// the answer was read to its end, in which case it goes back to the pool.
class exchange {
public:
  virtual ~exchange() = default;
  /// Time at which a pending or later operation fails with `timeout`. May be moved at any time.
  virtual void expires_at(std::chrono::steady_clock::time_point t) = 0;
  /// Connects (or takes a pooled connection), sends, reads the answer's head; 1xx are skipped.
  /// Sends once more on a fresh connection if a reused one died before the first byte of an answer.
  virtual boost::asio::awaitable<response_head> start(http_request request) = 0;
  /// Next piece of the body, decoded (chunked framing, gzip); empty at the end. Pieces are <= 64
  /// KiB.
  virtual boost::asio::awaitable<std::string> read() = 0;
  /// Ends a pending operation with `cancelled` and closes the connection. Safe at any time.
  virtual void cancel() = 0;
};

class transport {
public:
  virtual ~transport() = default;
  /// An exchange with the upstream of `provider`, on the executor that this transport belongs to.
  virtual std::unique_ptr<exchange> open(const config::provider_config& provider) = 0;
};

/// Real sockets with a connection pool; one per reactor thread, not thread-safe.
[[nodiscard]] std::unique_ptr<transport> make_http_transport(boost::asio::any_io_executor executor);

} // namespace echelon::providers
