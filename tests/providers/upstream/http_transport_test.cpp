// What a well-behaved upstream sends arrives whole, and the request arrives as it was meant.
#include "client.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <future>

using namespace echelon;
using namespace echelon::test;
using namespace std::chrono_literals;

TEST_CASE("the request goes out with one framing header, its own Host and no hop-by-hop headers") {
  std::promise<std::string> seen;
  raw_upstream upstream{[&](raw_peer& peer, int) {
    seen.set_value(peer.request());
    peer.send(ok("{}"));
  }};
  client uut;
  const auto got = uut.get(upstream, post("/v1/x?a=b", "body",
                                          {{"X-Api-Key", "k"},
                                           {"Connection", "X-Drop"},
                                           {"Content-Length", "99"},
                                           {"Host", "elsewhere"},
                                           {"Expect", "100-continue"},
                                           {"Transfer-Encoding", "chunked"}}));
  CHECK(got.status == 200);
  CHECK(seen.get_future().get()
        == "POST /v1/x?a=b HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(upstream.port())
               + "\r\nX-Api-Key: k\r\nAccept-Encoding: identity\r\nContent-Length: 4\r\n\r\nbody");
}

TEST_CASE("a header that would split the request is refused and nothing is sent") {
  raw_upstream upstream{[&](raw_peer& peer, int) { peer.wait_closed(); }};
  client uut;
  const auto got = uut.get(upstream, post("/", "", {{"x-a", "1\r\nx-b: 2"}}));
  REQUIRE(got.error);
  CHECK(got.error->message == "header x-a holds a character that HTTP does not allow");
  CHECK(uut.get(upstream, post("/a b", "")).error);
  CHECK(upstream.accepted() == 0);
}

TEST_CASE("HTTP.4 the head's names are lower case and hop-by-hop headers are left out") {
  raw_upstream upstream{[&](raw_peer& peer, int) {
    peer.request();
    peer.send("HTTP/1.1 200 OK\r\nContent-TYPE: a/b\r\nConnection: close, X-Secret-Hop\r\n"
              "X-Secret-Hop: 1\r\nKeep-Alive: timeout=5\r\nTransfer-Encoding: chunked\r\n"
              "Trailer: X-T\r\nX-Kept: Yes\r\n\r\n2\r\nhi\r\n0\r\nX-T: 1\r\n\r\n");
  }};
  client uut;
  const auto got = uut.get(upstream);
  REQUIRE_FALSE(got.error);
  CHECK(got.body == "hi");
  const providers::header_list expected{{"content-type", "a/b"}, {"x-kept", "Yes"}};
  CHECK(got.headers == expected);
}

TEST_CASE("informational answers are skipped") {
  raw_upstream upstream{[&](raw_peer& peer, int) {
    peer.request();
    peer.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n");
    peer.send(ok("after"));
  }};
  client uut;
  const auto got = uut.get(upstream);
  CHECK(got.status == 200);
  CHECK(got.body == "after");
  CHECK(got.header("link") == "-");
}

TEST_CASE("a chunk is delivered as soon as it came") {
  std::promise<void> first_read;
  raw_upstream upstream{[&](raw_peer& peer, int) {
    peer.request();
    peer.send(std::string{chunked_head} + chunk("one"));
    first_read.get_future().wait(); // The rest only comes once the first was delivered.
    peer.send(chunk("two") + "0\r\n\r\n");
  }};
  client uut;
  const auto texts =
      run(uut.context,
          [](providers::transport& via, config::provider_config provider,
             std::promise<void>& told) -> boost::asio::awaitable<std::vector<std::string>> {
            const auto call = via.open(provider);
            call->expires_at(std::chrono::steady_clock::now() + 10s);
            co_await call->start(post("/", "{}"));
            std::vector<std::string> out;
            out.push_back(co_await call->read());
            told.set_value();
            out.push_back(co_await call->read());
            out.push_back(co_await call->read());
            out.push_back(co_await call->read());
            co_return out;
          }(*uut.transport, upstream.provider(), first_read));
  CHECK(texts == std::vector<std::string>{"one", "two", "", ""});
}

TEST_CASE("SSE.1 bytes and chunk borders may be cut anywhere") {
  const auto whole = std::string{chunked_head} + "5;ext=1\r\nhello\r\n" + chunk(" world")
                     + "0\r\nx-trailer: 1\r\n\r\n";
  for (std::size_t cut = 1; cut < whole.size(); ++cut) {
    raw_upstream upstream{[&](raw_peer& peer, int) {
      peer.request();
      peer.send(std::string_view{whole}.substr(0, cut));
      peer.send(std::string_view{whole}.substr(cut));
      peer.wait_closed();
    }};
    client uut;
    const auto got = uut.get(upstream);
    INFO("cut at " << cut);
    REQUIRE_FALSE(got.error);
    REQUIRE(got.body == "hello world");
  }
}

TEST_CASE("a body without a length lasts until the connection is closed") {
  raw_upstream upstream{[&](raw_peer& peer, int) {
    peer.request();
    peer.send("HTTP/1.1 200 OK\r\n\r\nuntil ");
    peer.send("the end");
  }};
  client uut;
  const auto got = uut.get(upstream);
  REQUIRE_FALSE(got.error);
  CHECK(got.body == "until the end");
}

TEST_CASE("HTTP.2 big bodies pass whole both ways, in pieces of at most 64 KiB") {
  std::string big(20U << 20U, 'x');
  for (std::size_t i = 0; i < big.size(); i += 997)
    big[i] = static_cast<char>('a' + i % 26);
  std::promise<std::size_t> received;
  raw_upstream upstream{[&](raw_peer& peer, int) {
    const auto request = peer.request();
    received.set_value(request.size() - request.find("\r\n\r\n") - 4);
    peer.send(ok(big));
    peer.wait_closed();
  }};
  client uut;
  const auto got = uut.get(upstream, post("/", big));
  REQUIRE_FALSE(got.error);
  CHECK(received.get_future().get() == big.size());
  CHECK((got.body == big));
  CHECK(std::all_of(got.pieces.begin(), got.pieces.end(),
                    [](const auto& x) { return x.size() <= 65536; }));
}

TEST_CASE("an empty answer ends at once") {
  raw_upstream upstream{[&](raw_peer& peer, int) {
    peer.request();
    peer.send("HTTP/1.1 204 No Content\r\n\r\n");
    peer.request();
    peer.send("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
    peer.wait_closed();
  }};
  client uut;
  auto got = uut.get(upstream);
  CHECK(got.status == 204);
  CHECK_FALSE(got.error);
  got = uut.get(upstream);
  CHECK(got.status == 500);
  CHECK(got.body.empty());
  CHECK(upstream.accepted() == 1);
}
