// Completion tokens and coroutines.
#include "tests/api/support.hpp"

#include <echelon/asio.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <future>
#include <thread>

using namespace echelon;
using namespace echelon::test;
namespace asio = boost::asio;

namespace {

asio::awaitable<void> plain(const LlmClient& client, std::string& text, std::thread::id& where) {
  const Targets targets{"fast_group"};
  const Prompt prompt{"hello"};
  const auto x = co_await async_call(client, targets, prompt, asio::use_awaitable);
  text = x.text;
  where = std::this_thread::get_id();
}

asio::awaitable<void> failing(const LlmClient& client, ErrorKind& kind) {
  const Targets targets{"nowhere"};
  const Prompt prompt{"hello"};
  try {
    co_await async_call(client, targets, prompt, asio::use_awaitable);
  } catch (const LlmError& error) {
    kind = error.kind();
  }
}

asio::awaitable<void> reading(const LlmClient& client, std::string& text) {
  auto stream = client.open_stream("a b c");
  for (;;) {
    const auto x = co_await async_next(stream, asio::use_awaitable);
    if (!x) break;
    text += x->text;
  }
}

} // namespace

TEST_CASE("a coroutine awaits a call on its own executor", "[api]") {
  simulated_router uut;
  asio::io_context io;
  std::string text, streamed;
  std::thread::id where;
  auto kind = ErrorKind::upstream;
  asio::co_spawn(io, plain(uut.client, text, where), asio::detached);
  asio::co_spawn(io, failing(uut.client, kind), asio::detached);
  asio::co_spawn(io, reading(uut.client, streamed), asio::detached);
  io.run();
  CHECK(text == "Simulated gpt-35 answer to: hello");
  CHECK(where == std::this_thread::get_id());
  CHECK(kind == ErrorKind::unknown_target);
  CHECK_THAT(streamed, Catch::EndsWith("answer to: a b c"));
}

TEST_CASE("a call takes a callback and a future", "[api]") {
  simulated_router uut;
  std::promise<std::string> told; // On a thread of Asio's own, as the callback has no executor.
  async_call(uut.client, "plan_group", "one",
             [&](const std::exception_ptr& e, const Completion& x) {
               told.set_value(e ? "failed" : x.text);
             });
  auto future = async_call(uut.client, "fast_group", "two", asio::use_future);
  CHECK(future.get().text == "Simulated gpt-35 answer to: two");
  CHECK(told.get_future().get() == "Simulated gpt-4 answer to: one");
}

TEST_CASE("a cancellation slot cancels the call", "[api]") {
  simulated_router uut{"rules: [{then: {hang: true}}]\n"};
  asio::io_context io;
  asio::cancellation_signal signal;
  auto kind = ErrorKind::upstream;
  auto handler = [&](const std::exception_ptr& e, const Completion&) {
    try {
      std::rethrow_exception(e);
    } catch (const LlmError& error) {
      kind = error.kind();
    }
  };
  async_call(
      uut.client, "plan_group", "x",
      asio::bind_cancellation_slot(signal.slot(), asio::bind_executor(io.get_executor(), handler)));
  while (permits_in_use(uut.factory) == 0)
    std::this_thread::yield();
  signal.emit(asio::cancellation_type::terminal);
  io.run();
  CHECK(kind == ErrorKind::cancelled);
}
