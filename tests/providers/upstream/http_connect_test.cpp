// Names, addresses and the time a connection may take.
#include "client.hpp"

#include "providers/http_transport_connect.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <catch2/catch.hpp>

#include <future>

using namespace echelon;
using namespace echelon::test;
using namespace std::chrono_literals;
using boost::asio::ip::tcp;
using reason = providers::transport_error::reason;

namespace {

/// A listening port that never completes another handshake: its queue is full.
class black_hole {
public:
  explicit black_hole(const tcp::endpoint& at) : acceptor_(context_) {
    acceptor_.open(at.protocol());
    acceptor_.set_option(tcp::acceptor::reuse_address{true});
    acceptor_.bind(at);
    acceptor_.listen(0);
    // Connects until one does not get through at once.
    for (int i = 0; i < 16; ++i) {
      auto& filler = *fillers_.emplace_back(std::make_unique<tcp::socket>(context_));
      const auto done = std::make_shared<bool>(false); // The last one stays open beyond this.
      filler.async_connect(acceptor_.local_endpoint(),
                           [done](const boost::system::error_code&) { *done = true; });
      context_.restart();
      context_.run_for(100ms);
      if (!*done) return;
    }
    FAIL("the listen queue never filled");
  }
  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  ~black_hole() {
    for (auto& filler : fillers_)
      filler->close();
    context_.restart();
    context_.run_for(1s);
  }
  black_hole(const black_hole&) = delete;
  black_hole& operator=(const black_hole&) = delete;

private:
  boost::asio::io_context context_;
  tcp::acceptor acceptor_;
  std::vector<std::unique_ptr<tcp::socket>> fillers_;
};

} // namespace

TEST_CASE("connect_timeout bounds a connection that does not come about") {
  black_hole hole{tcp::endpoint{boost::asio::ip::make_address("127.0.0.1"), 0}};
  config::provider_config provider;
  provider.base_url = "http://127.0.0.1:" + std::to_string(hole.port());
  provider.connect_timeout = 200ms;
  client uut;
  const auto begin = std::chrono::steady_clock::now();
  auto got = uut.get(provider);
  CHECK(std::chrono::steady_clock::now() - begin >= 200ms);
  CHECK(std::chrono::steady_clock::now() - begin < 2s);
  REQUIRE(got.error);
  CHECK(got.error->why == reason::network);
  CHECK(got.error->message
        == "cannot connect to 127.0.0.1:" + std::to_string(hole.port())
               + ": not done within 200 ms");
  provider.connect_timeout = 10s;
  got = uut.get(provider, post("/", ""), 100ms); // The exchange's own deadline comes first.
  REQUIRE(got.error);
  CHECK(got.error->why == reason::timeout);
}

TEST_CASE("HTTP.9 an IPv6 literal is connected to and named in brackets") {
  std::promise<std::string> seen;
  std::unique_ptr<raw_upstream> upstream;
  try {
    upstream = std::make_unique<raw_upstream>(
        [&](raw_peer& peer, int) {
          seen.set_value(peer.request());
          peer.send(ok("six"));
        },
        "::1");
  } catch (const boost::system::system_error&) {
    WARN("this host has no IPv6");
    return;
  }
  client uut;
  CHECK(uut.get(*upstream).body == "six");
  CHECK(seen.get_future().get().find("\r\nHost: [::1]:" + std::to_string(upstream->port()) + "\r\n")
        != std::string::npos);
}

TEST_CASE("HTTP.10 a family on which nothing listens does not hide the one that answers") {
  raw_upstream upstream{[](raw_peer& peer, int) {
    peer.request();
    peer.send(ok("x", "Connection: close\r\n"));
  }};
  auto provider = upstream.provider();
  provider.base_url = "http://localhost:" + std::to_string(upstream.port());
  client uut;
  for (int i = 0; i < 10; ++i) {
    const auto got = uut.get(provider);
    REQUIRE_FALSE(got.error);
    REQUIRE(got.body == "x");
  }
}

TEST_CASE("HTTP.10 a refused or silent address does not hide the next") {
  boost::asio::io_context context;
  const auto loopback = boost::asio::ip::make_address("127.0.0.1");
  tcp::acceptor good{context, tcp::endpoint{loopback, 0}};
  tcp::acceptor refused{context, tcp::endpoint{loopback, 0}};
  const auto closed_port = refused.local_endpoint();
  refused.close();
  black_hole hole{tcp::endpoint{loopback, 0}};
  const auto uut = std::make_shared<providers::http_connect>(
      context.get_executor(), providers::http_origin{}, std::nullopt, nullptr);
  const auto begin = std::chrono::steady_clock::now();
  const auto ec =
      run(context, uut->run({closed_port, {loopback, hole.port()}, good.local_endpoint()}));
  const auto took = std::chrono::steady_clock::now() - begin;
  CHECK_FALSE(ec);
  CHECK(uut->socket.remote_endpoint() == good.local_endpoint());
  CHECK(took >= 250ms); // Given to the silent one; none to the refused.
  CHECK(took < 500ms);
}

TEST_CASE("when every address fails the last failure is told") {
  boost::asio::io_context context;
  tcp::acceptor refused{context, tcp::endpoint{boost::asio::ip::make_address("127.0.0.1"), 0}};
  const auto closed_port = refused.local_endpoint();
  refused.close();
  const auto uut = std::make_shared<providers::http_connect>(
      context.get_executor(), providers::http_origin{}, std::nullopt, nullptr);
  CHECK(run(context, uut->run({closed_port, closed_port}))
        == boost::asio::error::connection_refused);
}

TEST_CASE("HTTP.11 a name that does not resolve is a network failure in time") {
  config::provider_config provider;
  provider.base_url = "http://nowhere.invalid";
  provider.connect_timeout = 1s;
  client uut;
  const auto begin = std::chrono::steady_clock::now();
  const auto got = uut.get(provider);
  CHECK(std::chrono::steady_clock::now() - begin < 2s);
  REQUIRE(got.error);
  CHECK(got.error->why == reason::network);
  CHECK(got.error->message.starts_with("cannot connect to nowhere.invalid:80: "));
}

TEST_CASE("a base URL that cannot be used is a network failure of the call") {
  config::provider_config provider;
  provider.name = "p";
  provider.base_url = "localhost:80";
  client uut;
  const auto got = uut.get(provider);
  REQUIRE(got.error);
  CHECK(got.error->message
        == "base_url of provider p cannot be used: no http:// or https:// in front");
}
