/// One call that is running on a reactor: how it is cancelled, and that its caller hears of its
/// end.
#pragma once

#include "api/answers.hpp"
#include "api/backend.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace echelon::api {

/// The way to a reactor from other threads, at any time: shut once that has ended.
class door {
public:
  explicit door(boost::asio::io_context& to) : to_(&to) {}
  template <class F>
  void post(F f) {
    const std::lock_guard guard{mutex_};
    if (to_ != nullptr) boost::asio::post(*to_, std::move(f));
  }
  void shut() {
    const std::lock_guard guard{mutex_};
    to_ = nullptr;
  }

private:
  std::mutex mutex_;
  boost::asio::io_context* to_;
};

/// Used on its executor only. Its listener hears of an end whatever happens, at the latest when
/// this is destroyed.
class running_call {
public:
  running_call(boost::asio::any_io_executor executor, std::shared_ptr<door> way,
               std::string request_id, std::shared_ptr<listener> to);
  ~running_call();
  running_call(const running_call&) = delete;
  running_call& operator=(const running_call&) = delete;

  /// `gone` is called at once if the call has been cancelled already.
  void on_cancel(std::function<void()> gone);
  void cancel(ErrorKind why);
  [[nodiscard]] const std::optional<ErrorKind>& cancelled() const { return cancelled_; }
  [[nodiscard]] const std::string& request_id() const { return request_id_; }
  [[nodiscard]] const boost::asio::any_io_executor& executor() const { return executor_; }

  /// Gives a chunk on, and waits while the caller cannot take more.
  boost::asio::awaitable<void> pass(const nlohmann::json& chunk);
  void done(const engine::call_report& of, const nlohmann::json& canonical);
  void failed(LlmError x);
  [[nodiscard]] bool ended() const { return to_ == nullptr; }
  [[nodiscard]] const gathered_stream& gathered() const { return gathered_; }

private:
  boost::asio::any_io_executor executor_;
  std::shared_ptr<door> way_;
  std::string request_id_;
  std::shared_ptr<listener> to_; // Null: it has heard of the end.
  std::shared_ptr<boost::asio::steady_timer> pause_;
  std::function<void()> gone_;
  std::optional<ErrorKind> cancelled_;
  gathered_stream gathered_;
};

} // namespace echelon::api
