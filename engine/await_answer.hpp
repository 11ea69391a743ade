/// Waits in a coroutine for an answer that comes by callback.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
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
    std::function<void(Result)> late;
    {
      const std::lock_guard guard{mutex_};
      late = std::exchange(late_, nullptr);
      if (!late) answer_ = std::move(x);
      waiting = std::exchange(wake_, nullptr);
    }
    if (late) late(std::move(x));
    if (waiting) waiting();
  }
  std::optional<Result> take() {
    const std::lock_guard guard{mutex_};
    return std::exchange(answer_, std::nullopt);
  }
  /// Nobody waits any more. @returns The answer that is here already; if there is none, `late` gets
  /// it when it comes.
  std::optional<Result> leave(std::function<void(Result)> late) {
    const std::lock_guard guard{mutex_};
    wake_ = nullptr;
    if (!answer_) late_ = std::move(late);
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
  std::function<void(Result)> late_;
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

/// The same, but for no longer than until `limit`, or until `left()`. `timer()` is asked for only
/// if there is no answer yet; others may cancel it, so that we look whether somebody left. @returns
/// Nothing then; an answer that comes later goes to what `late()` returns, on any thread.
template <class Result, class Timer, class Left, class Start, class Late>
asio::awaitable<std::optional<Result>> answer_by(std::chrono::steady_clock::time_point limit,
                                                 Timer timer, Left left, Start start, Late late) {
  const auto slot = std::make_shared<answer_slot<Result>>();
  start([slot](Result x) { slot->put(std::move(x)); });
  auto answer = slot->take();
  if (answer) co_return answer;
  auto executor = co_await asio::this_coro::executor;
  asio::steady_timer& own = timer();
  // Emptied when we wait no more: the timer may have another use by the time it is read.
  const auto waiting = std::make_shared<asio::steady_timer*>(&own);
  const auto wake = [executor, waiting] {
    asio::post(executor, [waiting] {
      if (*waiting != nullptr) (*waiting)->cancel();
    });
  };
  if (!left() && slot->wait(wake)) {
    own.expires_at(limit);
    boost::system::error_code ignored;
    do {
      co_await own.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
      answer = slot->take();
    } while (!answer && !left() && std::chrono::steady_clock::now() < limit);
  }
  *waiting = nullptr;
  if (!answer) answer = slot->take();
  if (answer) co_return answer;
  co_return slot->leave(late());
}

} // namespace echelon::engine
