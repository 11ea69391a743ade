/// How long a socket may take for what it does.
#pragma once

#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <memory>

namespace echelon::providers {

/// Cancels what a socket does when its time is up, again and again until another time is set. The
/// time may be moved with every read and write: one timer waits on for an earlier time and looks
/// again when it fires. Used on the socket's executor.
class time_limit {
public:
  using clock = std::chrono::steady_clock;
  /// `socket` must outlive this.
  explicit time_limit(boost::asio::ip::tcp::socket& socket);
  ~time_limit();
  time_limit(const time_limit&) = delete;
  time_limit& operator=(const time_limit&) = delete;

  void set(clock::time_point when); ///< max(): never.
  [[nodiscard]] bool passed() const;

private:
  struct state;
  std::shared_ptr<state> state_;
};

} // namespace echelon::providers
