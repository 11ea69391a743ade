/// Where calls go: a router in this process, or a gateway elsewhere.
#pragma once

#include <echelon/client.hpp>
#include <echelon/config.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace echelon::api {

/// One call, whole.
struct call_spec {
  std::vector<std::string> targets; ///< Not empty, unless `node` is set.
  nlohmann::json body;              ///< Of OpenAI's chat completions; `model` and `stream` are set.
  bool stream = false;
  CallOptions options;
};

/// Who hears how a call goes; on a thread of the backend, one call at a time. Ends with exactly one
/// of done() and failed().
class listener {
public:
  virtual ~listener() = default;
  virtual void chunk(Chunk x) = 0;
  virtual void done(Completion x) = 0;
  virtual void failed(LlmError x) = 0;
  /// Whether more chunks must wait; `resume` is called, on any thread, once they need not.
  virtual bool must_wait(std::function<void()> resume) = 0;
};

class backend {
public:
  virtual ~backend() = default;
  /// Never throws but std::bad_alloc: failures go to the listener.
  virtual CallHandle start(call_spec what, std::shared_ptr<listener> to) = 0;
  /// Throws LlmError (unknown_target).
  virtual void check_target(const std::string& target) const = 0;
  /// Throws LlmError (configuration).
  virtual void check_node(const NodeConfig& node) const = 0;
  virtual void reload() = 0;
  [[nodiscard]] virtual bool ready() const = 0;
  [[nodiscard]] virtual std::string state() = 0;
  [[nodiscard]] virtual std::string decision(const std::string& request_id) = 0;
  virtual void stop(std::chrono::milliseconds grace) = 0;
  /// Whether this is one of the backend's own threads, which must not wait for the backend.
  [[nodiscard]] bool on_own_thread() const {
    const auto self = std::this_thread::get_id();
    return std::find(own_threads.begin(), own_threads.end(), self) != own_threads.end();
  }

protected:
  std::vector<std::thread::id> own_threads; ///< Set once.
};

} // namespace echelon::api

namespace echelon {

struct CallHandle::impl {
  std::function<void()> cancel; ///< Thread-safe; at any time, any number of times.
};

} // namespace echelon
