/// Waits in a coroutine for an answer that comes by callback.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace echelon::engine {

namespace asio = boost::asio;

/// An answer and who waits for it; whichever of the two comes last finds the other.
template <class Result>
class answer_slot {
public:
  using wake = std::function<void()>;

  void put(Result x) {
    wake waiting;
    {
      const std::lock_guard guard{mutex_};
      answer_ = std::move(x);
      waiting = std::exchange(wake_, nullptr);
    }
    if (waiting) waiting();
  }
  std::optional<Result> take() {
    const std::lock_guard guard{mutex_};
    return std::exchange(answer_, std::nullopt);
  }
  /// False: the answer is here already, and `x` will not be called.
  bool wait(wake x) {
    const std::lock_guard guard{mutex_};
    if (answer_) return false;
    wake_ = std::move(x);
    return true;
  }

private:
  std::mutex mutex_;
  std::optional<Result> answer_;
  wake wake_;
};

/// Runs `start(handler)`, whose handler is called once, on any thread, and waits on our executor
/// for what it is given. One that is called before start() returns costs no switch at all. GCC 12
/// destroys closures that are temporaries of a co_await expression twice: they have names here.
template <class Result, class Start>
asio::awaitable<Result> answer_of(Start start) {
  const auto slot = std::make_shared<answer_slot<Result>>();
  start([slot](Result x) { slot->put(std::move(x)); });
  auto answer = slot->take();
  if (answer) co_return std::move(*answer);
  auto executor = co_await asio::this_coro::executor;
  auto initiate = [executor, slot](auto handler) {
    const auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    auto resume = [executor, shared] { asio::post(executor, [shared] { (*shared)(); }); };
    if (!slot->wait(resume)) resume();
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(std::move(initiate),
                                                                       asio::use_awaitable);
  answer = slot->take();
  co_return std::move(*answer);
}

} // namespace echelon::engine
