/// The upstreams of an experiment: a simulator that counts, and can be cut off or slow.
#pragma once

#include "cli/chaos/limit_check.hpp"
#include "providers/simulator/server.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <memory>
#include <mutex>
#include <thread>

namespace echelon::cli {

/// Thread-safe. Answers come after `latency`; the model `scar` always fails.
class upstream {
public:
  upstream(std::vector<limit_check> limits, std::chrono::milliseconds latency);
  ~upstream();
  upstream(const upstream&) = delete;
  upstream& operator=(const upstream&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// Connections end and new ones are refused, until restore().
  void cut();
  void restore();
  /// Answers come so much later.
  void slow(std::chrono::milliseconds by);
  [[nodiscard]] std::vector<limit_check> limits() const;
  [[nodiscard]] std::uint64_t requests() const;

private:
  void open(std::uint16_t port);

  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      io_.get_executor()};
  mutable std::mutex mutex_;
  std::vector<limit_check> limits_;
  const std::chrono::milliseconds latency_;
  const std::uint16_t port_;
  std::shared_ptr<providers::simulator_engine> engine_;
  std::unique_ptr<providers::simulator_server> server_;
  std::uint64_t requests_ = 0;
  std::thread thread_;
};

} // namespace echelon::cli
