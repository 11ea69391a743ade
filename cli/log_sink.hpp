/// The log's way to a file or pipe: at once while there is little, together while there is much.
#pragma once

#include <spdlog/sinks/base_sink.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace echelon::cli {

/// Lines go to a descriptor at once, but of those that come within 20 ms of each other only the
/// first few: the rest goes out together when the 20 ms are over, so that thousands of requests a
/// second do not cost a write each. What cannot be written (a full disk) is dropped. What is at
/// warning level or above goes out at once if the logger's flush_on() says so. Thread-safe.
class log_sink final : public spdlog::sinks::base_sink<std::mutex> {
public:
  /// `descriptor` stays open as long as this lives, and is not closed.
  explicit log_sink(int descriptor);
  ~log_sink() override;
  log_sink(const log_sink&) = delete;
  log_sink& operator=(const log_sink&) = delete;

protected:
  void sink_it_(const spdlog::details::log_msg& message) override;
  void flush_() override;

private:
  void run();

  int descriptor_;
  spdlog::memory_buf_t waiting_;
  std::chrono::steady_clock::time_point window_{};
  unsigned alone_ = 0; // Lines of the window that went out at once.
  std::condition_variable wake_;
  bool over_ = false;
  std::thread timer_;
};

} // namespace echelon::cli
