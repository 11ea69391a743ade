// Connections are kept, checked before they are used again, and a stale one costs nobody a failure.
#include "client.hpp"

#include "providers/crowd.hpp"
#include "providers/http_transport_pool.hpp"

#include <catch2/catch.hpp>

#include <deque>
#include <future>
#include <thread>

using namespace echelon;
using namespace echelon::test;
using namespace std::chrono_literals;
using reason = providers::transport_error::reason;

TEST_CASE("more than eight exchanges of a thread are a crowd, of that thread alone") {
  std::deque<providers::crowd_member> some(8);
  CHECK_FALSE(providers::crowd_member::crowded());
  some.emplace_back();
  CHECK(providers::crowd_member::crowded());
  bool elsewhere = true;
  std::thread{[&] { elsewhere = providers::crowd_member::crowded(); }}.join();
  CHECK_FALSE(elsewhere);
  some.pop_back();
  CHECK_FALSE(providers::crowd_member::crowded());
}

TEST_CASE("a connection whose answer was read is used again") {
  raw_upstream upstream{[](raw_peer& peer, int) {
    while (!peer.request().empty())
      peer.send(ok("x"));
  }};
  client uut;
  for (int i = 0; i < 5; ++i)
    CHECK(uut.get(upstream).body == "x");
  CHECK(upstream.accepted() == 1);
}

TEST_CASE("Connection: close and bytes behind the answer end a connection") {
  const auto answer = GENERATE(as<std::string>{}, ok("x", "Connection: close\r\n"), ok("x") + "y",
                               std::string{"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx"});
  raw_upstream upstream{[&](raw_peer& peer, int) {
    peer.request();
    peer.send(answer);
    peer.wait_closed();
  }};
  client uut;
  CHECK(uut.get(upstream).body == "x");
  CHECK(uut.get(upstream).body == "x");
  CHECK(upstream.accepted() == 2);
}

TEST_CASE("HTTP.1 a kept connection that the upstream closed is noticed before it is used") {
  std::promise<void> closed;
  raw_upstream upstream{[&](raw_peer& peer, int index) {
    peer.request();
    peer.send(ok("x"));
    if (index > 0) return;
    peer.close();
    closed.set_value();
  }};
  client uut;
  CHECK(uut.get(upstream).body == "x");
  closed.get_future().wait();
  const auto got = uut.get(upstream);
  CHECK_FALSE(got.error);
  CHECK(upstream.accepted() == 2);
}

TEST_CASE("HTTP.1 a reused connection that dies before any byte is replaced, once") {
  // The peer closes only after it read the second request: the check before reuse cannot see it.
  const auto reset = GENERATE(true, false);
  std::atomic<int> requests{0};
  raw_upstream upstream{[&](raw_peer& peer, int index) {
    peer.request();
    ++requests;
    if (index == 0) {
      peer.send(ok("first"));
      peer.request();
      ++requests;
      if (reset)
        peer.reset();
      else
        peer.close();
      return;
    }
    peer.send(ok("second"));
    peer.wait_closed();
  }};
  client uut;
  CHECK(uut.get(upstream).body == "first");
  CHECK(uut.get(upstream).body == "second");
  CHECK(upstream.accepted() == 2);
  CHECK(requests == 3);
}

TEST_CASE("HTTP.1 the fresh connection's failure is final") {
  raw_upstream upstream{[&](raw_peer& peer, int index) {
    peer.request();
    if (index == 0) {
      peer.send(ok("first"));
      peer.request();
    }
    peer.close();
  }};
  client uut;
  CHECK(uut.get(upstream).body == "first");
  const auto got = uut.get(upstream);
  REQUIRE(got.error);
  CHECK(got.error->why == reason::network);
  CHECK(upstream.accepted() == 2);
}

TEST_CASE("HTTP.1 after one byte of an answer nothing is sent again") {
  raw_upstream upstream{[&](raw_peer& peer, int) {
    peer.request();
    peer.send(ok("first"));
    peer.request();
    peer.send("H");
    peer.close();
  }};
  client uut;
  CHECK(uut.get(upstream).body == "first");
  const auto got = uut.get(upstream);
  REQUIRE(got.error);
  CHECK(got.error->why == reason::network);
  CHECK(upstream.accepted() == 1);
}

TEST_CASE("a timeout on a reused connection is not sent again") {
  raw_upstream upstream{[&](raw_peer& peer, int) {
    peer.request();
    peer.send(ok("first"));
    peer.wait_closed();
  }};
  client uut;
  CHECK(uut.get(upstream).body == "first");
  const auto got = uut.get(upstream, post("/", ""), 150ms);
  REQUIRE(got.error);
  CHECK(got.error->why == reason::timeout);
  CHECK(upstream.accepted() == 1);
}

TEST_CASE("HTTP.1 twenty callers of an upstream that closes idle connections see no failure") {
  raw_upstream upstream{[](raw_peer& peer, int index) {
    // Each connection lives for a few requests, then closes right after an answer, unannounced.
    for (int i = 0; i <= index % 3 && !peer.request().empty(); ++i)
      peer.send(ok("x"));
  }};
  client uut;
  int done = 0;
  int failures = 0;
  for (int k = 0; k < 20; ++k) {
    boost::asio::co_spawn(
        uut.context,
        [](client& c, const raw_upstream& from, int& failed) -> boost::asio::awaitable<void> {
          for (int i = 0; i < 10; ++i) {
            const auto got = co_await fetch(*c.transport, from.provider(), post("/", "{}"));
            if (got.error || got.body != "x") ++failed;
          }
        }(uut, upstream, failures),
        [&](const std::exception_ptr& error) {
          if (error) ++failures;
          ++done;
        });
  }
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (done < 20 && uut.context.run_one_until(end) > 0) {
  }
  CHECK(done == 20);
  CHECK(failures == 0);
}

TEST_CASE("HTTP.11 a connection is given up when idle for long, and in the end though it is busy") {
  using pool = providers::http_pool;
  const std::chrono::steady_clock::time_point born{};
  CHECK(pool::give_up_time(born, born) == born + pool::idle_limit);
  CHECK(pool::give_up_time(born, born + 80s) == born + 80s + pool::idle_limit);
  CHECK(pool::give_up_time(born, born + 100s) == born + pool::life_limit);
  CHECK(pool::give_up_time(born, born + 500s) < born + 500s);
}
