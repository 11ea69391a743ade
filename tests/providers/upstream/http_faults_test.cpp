// What an upstream does wrong ends as the right transport_error.
#include "client.hpp"

#include <boost/asio/steady_timer.hpp>

#include <catch2/catch.hpp>

#include <future>

using namespace echelon;
using namespace echelon::test;
using namespace std::chrono_literals;
using reason = providers::transport_error::reason;

namespace {

/// The failure of one call to an upstream that reads the request and then plays `play`.
fetched failed(const std::function<void(raw_peer&)>& play,
               std::chrono::milliseconds timeout = 15s) {
  raw_upstream upstream{[&](raw_peer& peer, int) {
    peer.request();
    play(peer);
  }};
  client uut;
  auto got = uut.get(upstream, post("/", "{}"), timeout);
  CHECK(upstream.accepted() == 1); // Not sent again: the connection was fresh.
  return got;
}

void check_network(const fetched& got) {
  REQUIRE(got.error);
  INFO(got.error->message);
  CHECK(got.error->why == reason::network);
}

} // namespace

TEST_CASE("TRIGGER.3 a closed port is a network failure that names the address") {
  config::provider_config provider;
  {
    raw_upstream gone{[](raw_peer&, int) {}};
    provider = gone.provider();
  }
  client uut;
  const auto got = uut.get(provider);
  check_network(got);
  CHECK(got.error->message
        == "cannot connect to " + provider.base_url.substr(7) + ": Connection refused");
}

TEST_CASE("TRIGGER.3 a reset before the request is read is a network failure") {
  raw_upstream upstream{[](raw_peer& peer, int) { peer.reset(); }};
  client uut;
  check_network(uut.get(upstream));
  CHECK(upstream.accepted() == 1);
}

TEST_CASE("TRIGGER.3 a reset after the request is a network failure") {
  const auto got = failed([](raw_peer& peer) { peer.reset(); });
  check_network(got);
  CHECK(got.status == 0);
}

TEST_CASE("TRIGGER.3 a clean close without an answer is a network failure") {
  const auto got = failed([](raw_peer& peer) { peer.close(); });
  check_network(got);
  CHECK(got.error->message.find("the upstream closed the connection") != std::string::npos);
}

TEST_CASE("TRIGGER.3 half a head is a network failure") {
  check_network(failed([](raw_peer& peer) { peer.send("HTTP/1.1 200 OK\r\nContent-Le"); }));
}

TEST_CASE("TRIGGER.3 garbage in place of an answer is a network failure") {
  using namespace std::string_view_literals;
  check_network(failed([](raw_peer& peer) { peer.send("\x00\x01"sv); }));
  const auto got = failed([](raw_peer& peer) {
    peer.send("\x00\x01 and more of it\r\n\r\n"sv);
    peer.wait_closed();
  });
  check_network(got);
  CHECK(got.error->message.find("is not HTTP") != std::string::npos);
}

TEST_CASE("a head beyond 64 KiB is refused") {
  check_network(failed([](raw_peer& peer) {
    peer.send("HTTP/1.1 200 OK\r\nX-A: " + std::string(70000, 'a') + "\r\n\r\n");
  }));
}

TEST_CASE("a body that ends before its announced length is cut, not complete") {
  const auto got = failed(
      [](raw_peer& peer) { peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"); });
  check_network(got);
  CHECK(got.status == 200);
  CHECK(got.body == "half");
}

TEST_CASE("ENDING.1 a chunked body without its last chunk is cut, not complete") {
  for (const auto* end : {"fin", "rst", "inside a border"}) {
    INFO(end);
    const auto got = failed([&](raw_peer& peer) {
      peer.send(std::string{chunked_head} + chunk("one") + chunk("two"));
      if (end == std::string_view{"inside a border"}) peer.send("1");
      if (end == std::string_view{"rst"}) peer.reset();
    });
    check_network(got);
    CHECK(got.body == "onetwo");
  }
}

TEST_CASE("HTTP.6 an answer with two framings or a bad chunk size is refused") {
  for (const auto* answer :
       {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\nx",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"}) {
    INFO(answer);
    check_network(failed([&](raw_peer& peer) { peer.send(answer); }));
  }
}

TEST_CASE("HTTP.5 a content coding that is not known is a failure before any body") {
  const auto got =
      failed([](raw_peer& peer) { peer.send(ok("garbled", "Content-Encoding: br\r\n")); });
  check_network(got);
  CHECK(got.error->message == "content-encoding br is not supported");
  CHECK(got.body.empty());
}

TEST_CASE("DEADLINE.1 an answer that does not come ends at expires_at and the connection closes") {
  std::promise<void> closed;
  const auto begin = std::chrono::steady_clock::now();
  const auto got = failed(
      [&](raw_peer& peer) {
        peer.wait_closed();
        closed.set_value();
      },
      200ms);
  const auto took = std::chrono::steady_clock::now() - begin;
  REQUIRE(got.error);
  CHECK(got.error->why == reason::timeout);
  CHECK(took >= 200ms);
  CHECK(took < 2s);
  CHECK(closed.get_future().wait_for(5s) == std::future_status::ready);
}

TEST_CASE("DEADLINE.2 a body that stalls ends at the moved deadline with what came before") {
  raw_upstream upstream{[](raw_peer& peer, int) {
    peer.request();
    peer.send(std::string{chunked_head} + chunk("one"));
    peer.wait_closed();
  }};
  client uut;
  const auto begin = std::chrono::steady_clock::now();
  const auto why = run(uut.context,
                       [](providers::transport& via,
                          config::provider_config provider) -> boost::asio::awaitable<reason> {
                         const auto call = via.open(provider);
                         call->expires_at(std::chrono::steady_clock::now() + 10s);
                         co_await call->start(post("/", "{}"));
                         const auto first =
                             co_await call->read(); // Not inside CHECK, which would await it twice.
                         CHECK(first == "one");
                         call->expires_at(std::chrono::steady_clock::now() + 100ms);
                         call->expires_at(std::chrono::steady_clock::now() + 300ms);
                         try {
                           co_await call->read();
                         } catch (const providers::transport_error& error) {
                           co_return error.why;
                         }
                         co_return reason::too_large;
                       }(*uut.transport, upstream.provider()));
  CHECK(why == reason::timeout);
  CHECK(std::chrono::steady_clock::now() - begin >= 300ms);
}

TEST_CASE("a deadline that is over fails at once without a connection") {
  raw_upstream upstream{[](raw_peer& peer, int) { peer.wait_closed(); }};
  client uut;
  const auto got = uut.get(upstream, post("/", ""), -1ms);
  REQUIRE(got.error);
  CHECK(got.error->why == reason::timeout);
  CHECK(upstream.accepted() == 0);
}

TEST_CASE("SLOTS.2 cancel ends a pending call and the upstream sees its connection closed") {
  std::promise<void> asked;
  std::promise<void> closed;
  raw_upstream upstream{[&](raw_peer& peer, int) {
    peer.request();
    asked.set_value();
    peer.wait_closed();
    closed.set_value();
  }};
  client uut;
  const auto call = uut.transport->open(upstream.provider());
  std::optional<reason> why;
  boost::asio::co_spawn(
      uut.context,
      [](providers::exchange& x) -> boost::asio::awaitable<void> {
        co_await x.start(post("/", "{}"));
      }(*call),
      [&](const std::exception_ptr& error) {
        try {
          std::rethrow_exception(error);
        } catch (const providers::transport_error& thrown) {
          why = thrown.why;
        }
      });
  auto ready = asked.get_future();
  const auto end = std::chrono::steady_clock::now() + 10s;
  while (ready.wait_for(0s) != std::future_status::ready && std::chrono::steady_clock::now() < end)
    uut.context.run_one_for(10ms);
  call->cancel();
  while (!why && uut.context.run_one_until(end) > 0) {
  }
  REQUIRE(why);
  CHECK(*why == reason::cancelled);
  CHECK(closed.get_future().wait_for(5s) == std::future_status::ready);
}

TEST_CASE("SLOTS.1 destroying an exchange in the middle of a body closes its connection at once") {
  std::promise<void> closed;
  raw_upstream upstream{[&](raw_peer& peer, int) {
    peer.request();
    peer.send(std::string{chunked_head} + chunk("one"));
    peer.wait_closed();
    closed.set_value();
  }};
  client uut;
  const auto text =
      run(uut.context,
          [](providers::transport& via,
             config::provider_config provider) -> boost::asio::awaitable<std::string> {
            const auto call = via.open(provider);
            co_await call->start(post("/", "{}"));
            co_return co_await call->read();
          }(*uut.transport, upstream.provider()));
  CHECK(text == "one");
  CHECK(closed.get_future().wait_for(5s) == std::future_status::ready);
}

TEST_CASE("an exchange works on after its transport is gone") {
  raw_upstream upstream{[](raw_peer& peer, int) {
    peer.request();
    peer.send(ok("late"));
  }};
  client uut;
  auto call = uut.transport->open(upstream.provider());
  uut.transport.reset();
  const auto text =
      run(uut.context,
          [](std::unique_ptr<providers::exchange> x) -> boost::asio::awaitable<std::string> {
            co_await x->start(post("/", "{}"));
            co_return co_await x->read();
          }(std::move(call)));
  CHECK(text == "late");
}
