/// Threads that talk to upstreams, and the calls that run on them.
#pragma once

#include "api/running_call.hpp"
#include "providers/transport.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace echelon::providers {
class simulator_engine;
}

namespace echelon::api {

/// Thread-safe.
class reactors {
public:
  /// What a call does; ends when the call has ended, and never throws for an expected reason.
  using work = std::function<boost::asio::awaitable<void>(std::shared_ptr<running_call>,
                                                          providers::transport&)>;

  /// `threads` 0: one per core.
  reactors(unsigned threads, std::shared_ptr<providers::simulator_engine> simulator);
  ~reactors();
  reactors(const reactors&) = delete;
  reactors& operator=(const reactors&) = delete;

  /// Runs a call on the next thread. After stop() it fails at once as shut_down.
  CallHandle run(std::string request_id, std::shared_ptr<listener> to, work what);
  /// The first thread's context and transport, for what goes on beside calls.
  [[nodiscard]] boost::asio::io_context& first();
  [[nodiscard]] providers::transport& first_transport();

  /// Waits up to `grace` for calls to end, then ends the others as shut_down. No call begins after
  /// it has begun, none is left when it returns; the threads go on. Again: nothing.
  void finish_calls(std::chrono::milliseconds grace);
  /// Ends the threads. Calls are finished, nothing else may be running on them.
  void join();
  [[nodiscard]] bool stopping() const;
  /// Lasts as long as this.
  [[nodiscard]] std::vector<std::thread::id> threads() const;
  /// The threads are those of another process: this one was forked from it.
  [[nodiscard]] bool elsewhere() const;

private:
  struct impl;
  std::shared_ptr<impl> impl_;
};

} // namespace echelon::api
