/// Waits in a coroutine for an answer that comes by callback.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <memory>
#include <utility>

namespace echelon::engine {

namespace asio = boost::asio;

/// Runs `start(handler)`, whose handler may be called on any thread, and resumes on our executor.
/// GCC 12 destroys closures that are temporaries of a co_await expression twice: they have names
/// here.
template <class Result, class Start>
asio::awaitable<Result> answer_of(Start start) {
  auto executor = co_await asio::this_coro::executor;
  auto initiate = [executor](auto handler, auto run) {
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    run([executor, shared](Result x) {
      asio::post(executor, [shared, x = std::move(x)]() mutable { (*shared)(std::move(x)); });
    });
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(Result)>(
      std::move(initiate), asio::use_awaitable, std::move(start));
}

} // namespace echelon::engine
