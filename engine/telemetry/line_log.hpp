/// A log of lines, written behind everybody's back: the access log and the audit log.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace echelon::engine {

/// Lines wait in a bounded queue for one thread, which appends them to a file. Nobody waits for it:
/// lines that find the queue full or cannot be written (a full disk, a folder that is not there)
/// are counted and told of, and it goes on. A file that was moved or removed is made anew within a
/// second, at once by reopen(). Thread-safe.
class line_log {
public:
  /// `name` is for people. `count` is told what became of lines, on any thread: `written`,
  /// `dropped` (the queue was full), `failed`.
  line_log(std::string name, std::function<void(std::string_view result, std::size_t n)> count);
  /// Writes what waits.
  ~line_log();
  line_log(const line_log&) = delete;
  line_log& operator=(const line_log&) = delete;

  /// `path`: a file, or `stdout`; empty: nothing is written from now on.
  void configure(const std::string& path);
  [[nodiscard]] bool on() const { return on_; }
  /// `line` without its end. Does nothing unless on().
  void write(std::string_view line);
  /// The file is closed, and opened by its name again before the next line.
  void reopen();

  static constexpr std::size_t most_waiting = 8 << 20; ///< Bytes.

private:
  using clock = std::chrono::steady_clock;

  void run();
  void look_after_file(const std::string& path, bool anew);
  void open(const std::string& path);
  void close();
  void put(std::string_view text, std::size_t lines);
  std::size_t put_bytes(std::string_view text);
  bool writable();
  void complain(int error);

  const std::string name_;
  const std::function<void(std::string_view, std::size_t)> count_;
  std::atomic<bool> on_{false};

  std::mutex mutex_;
  std::condition_variable wake_;
  std::string path_, waiting_;
  std::size_t lines_ = 0; // That wait.
  bool reopen_ = false;
  std::atomic<bool> over_{false};

  // Of the thread.
  int file_ = -1;
  bool regular_ = false; // A write to it does not wait for a reader.
  bool torn_ = false;    // The last line was not written to its end.
  bool complained_ = false;
  std::string open_path_;
  clock::time_point looked_{}, tried_{};
  std::thread thread_;
};

} // namespace echelon::engine
