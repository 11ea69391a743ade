/// What happens in the router, told to whoever listens now.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace echelon::engine {

/// One thing that happened.
struct event {
  std::uint64_t id = 0;  ///< Counts up by one for each event of this process; first is 1.
  std::string_view kind; ///< A literal, such as `request`; docs/observability.md lists them.
  std::string data;      ///< A JSON object in one line.
};
using event_ptr = std::shared_ptr<const event>;

/// Hands events to listeners, each with a bounded queue of its own: one that is slow loses the
/// newest and is told how many; nobody waits for it. Thread-safe. Outlives its listeners.
class event_hub {
public:
  /// Takes events out until it is destroyed.
  class listener {
  public:
    /// At most `most` bytes of data wait (one event may be larger). `wake` is called, on any
    /// thread, when the queue is no longer empty. It must not block.
    listener(event_hub& of, std::size_t most, std::function<void()> wake);
    ~listener();
    listener(const listener&) = delete;
    listener& operator=(const listener&) = delete;

    /// All that waits, in order. `dropped`: how many were lost since the last call.
    [[nodiscard]] std::vector<event_ptr> take(std::uint64_t& dropped);

  private:
    friend event_hub;
    event_hub& hub_;
    const std::size_t most_;
    std::size_t size_ = 0; // Bytes that wait.
    const std::function<void()> wake_;
    std::deque<event_ptr> waiting_;
    std::uint64_t dropped_ = 0;
  };

  /// Whether anybody listens: what is only made for listeners need not be made otherwise.
  [[nodiscard]] bool heard() const { return count_ > 0; }
  [[nodiscard]] std::size_t listeners() const { return count_; }
  /// `kind` is a literal.
  void publish(std::string_view kind, const nlohmann::json& data);

private:
  mutable std::mutex mutex_;
  std::vector<listener*> listeners_;
  std::atomic<std::size_t> count_{0};
  std::uint64_t last_id_ = 0;
};

} // namespace echelon::engine
