/// @file
/// Calls with completion tokens of Boost.Asio: callbacks, futures, coroutines. Header-only; needs
/// Boost 1.81 or later.
#pragma once

#include <echelon/client.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace echelon {

/// @cond internal
namespace detail {

/// A handler that is called once, on its own executor, which stays at work until then.
template <class Handler, class Result>
class asio_end {
public:
  explicit asio_end(Handler handler)
      : work_(boost::asio::make_work_guard(boost::asio::get_associated_executor(handler))),
        handler_(std::move(handler)) {}

  Handler& handler() { return *handler_; }
  void operator()(std::exception_ptr error, Result result) {
    auto executor = work_.get_executor();
    auto call = [handler = std::move(*handler_), error = std::move(error),
                 result = std::move(result)]() mutable {
      std::move(handler)(std::move(error), std::move(result));
    };
    handler_.reset();
    boost::asio::post(executor, std::move(call));
    work_.reset();
  }

private:
  boost::asio::executor_work_guard<boost::asio::associated_executor_t<Handler>> work_;
  std::optional<Handler> handler_;
};

/// A handle that a cancellation may come before.
struct late_handle {
  std::mutex mutex;
  CallHandle handle;
  bool cancelled = false;
  void cancel() {
    const std::lock_guard guard{mutex};
    cancelled = true;
    handle.cancel();
  }
  void set(CallHandle x) {
    const std::lock_guard guard{mutex};
    handle = std::move(x);
    if (cancelled) handle.cancel();
  }
};

} // namespace detail
/// @endcond

/// Calls `targets` of `client`; completes with `void(std::exception_ptr, Completion)`: the
/// exception is an LlmError. Cancellation of any type cancels the call. In coroutines give
/// `options` a name (GCC 12 destroys aggregates that are temporaries of a co_await expression
/// twice).
template <class CompletionToken>
auto async_call(const LlmClient& client, const Targets& targets, const Prompt& prompt,
                const CallOptions& options, CompletionToken&& token) {
  auto initiate = [](auto handler, const LlmClient& of, const Targets& to, const Prompt& what,
                     const CallOptions& how) {
    using end_type = detail::asio_end<decltype(handler), Completion>;
    const auto end = std::make_shared<end_type>(std::move(handler));
    const auto handle = std::make_shared<detail::late_handle>();
    auto slot = boost::asio::get_associated_cancellation_slot(end->handler());
    if (slot.is_connected())
      slot.assign([handle](boost::asio::cancellation_type) { handle->cancel(); });
    CallObserver observer;
    observer.on_done = [end](Completion x) { (*end)(nullptr, std::move(x)); };
    observer.on_error = [end](LlmError x) {
      (*end)(std::make_exception_ptr(std::move(x)), Completion{});
    };
    handle->set(of.start(to, what, std::move(observer), how));
  };
  return boost::asio::async_initiate<CompletionToken, void(std::exception_ptr, Completion)>(
      std::move(initiate), token, client, targets, prompt, options);
}

/// The same with default options.
template <class CompletionToken>
auto async_call(const LlmClient& client, const Targets& targets, const Prompt& prompt,
                CompletionToken&& token) {
  const CallOptions none;
  return async_call(client, targets, prompt, none, std::forward<CompletionToken>(token));
}

/// The next piece of a stream without blocking; completes with
/// `void(std::exception_ptr, std::optional<Chunk>)`, nothing at the clean end. `stream` outlives
/// it; one at a time.
template <class CompletionToken>
auto async_next(CompletionStream& stream, CompletionToken&& token) {
  auto initiate = [](auto handler, CompletionStream* from) {
    using end_type = detail::asio_end<decltype(handler), std::optional<Chunk>>;
    const auto end = std::make_shared<end_type>(std::move(handler));
    auto slot = boost::asio::get_associated_cancellation_slot(end->handler());
    if (slot.is_connected())
      slot.assign([from](boost::asio::cancellation_type) { from->cancel(); });
    from->when_ready([end, from] {
      try {
        auto x = from->next();
        (*end)(nullptr, std::move(x));
      } catch (const LlmError& error) {
        (*end)(std::make_exception_ptr(error), std::nullopt);
      }
    });
  };
  return boost::asio::async_initiate<CompletionToken,
                                     void(std::exception_ptr, std::optional<Chunk>)>(
      std::move(initiate), token, &stream);
}

} // namespace echelon
