/// Brings spans to an OpenTelemetry collector, behind everybody's back.
#pragma once

#include "config/observability.hpp"
#include "engine/telemetry/span.hpp"
#include "providers/transport.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace echelon::engine {

/// A bounded queue and one thread that posts what is in it, in batches. Nobody waits for it: what
/// finds the queue full, or is not taken by the collector after some tries, is dropped and counted.
/// Thread-safe.
class span_exporter {
public:
  /// `count` is told what became of spans, on any thread: `sent`, `dropped` (the queue was full),
  /// `failed` (the collector did not take them).
  span_exporter(std::string instance,
                std::function<void(std::string_view result, std::size_t n)> count);
  /// Sends what waits, for a second at most.
  ~span_exporter();
  span_exporter(const span_exporter&) = delete;
  span_exporter& operator=(const span_exporter&) = delete;

  /// Takes effect for what is submitted from now on. The thread begins with the first endpoint.
  void configure(const config::traces_config& how);
  void submit(std::vector<span> spans);

private:
  enum class fate : std::uint8_t { sent, refused, again };

  void run();
  bool gather(std::vector<span>& batch, config::traces_config& how);
  std::size_t give_up();
  bool deliver(std::vector<span> batch, const config::traces_config& how);
  bool pause(std::chrono::milliseconds time);
  fate post(const std::string& body, const config::traces_config& how, std::size_t& refused);
  boost::asio::awaitable<void> exchange(const config::provider_config& to,
                                        providers::http_request request, std::string& answer,
                                        int& status);
  void complain(const std::string& what);

  const std::string instance_;
  const std::function<void(std::string_view, std::size_t)> count_;

  std::mutex mutex_;
  std::condition_variable wake_;
  config::traces_config how_;
  std::deque<span> waiting_;
  std::atomic<bool> over_{false};
  std::chrono::steady_clock::time_point end_{}; // With over_: when nothing is sent any more.

  // Of the thread.
  boost::asio::io_context io_{1};
  std::unique_ptr<providers::transport> http_;
  std::unique_ptr<providers::exchange> current_;
  bool complained_ = false;
  std::thread thread_;
};

} // namespace echelon::engine
