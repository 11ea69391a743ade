// Forward proxies: which one is taken, tunnels, relayed requests, refusals.
#include "certificates.hpp"
#include "client.hpp"

#include "providers/http_transport_proxy.hpp"

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <catch2/catch.hpp>

#include <cstdlib>

using namespace echelon;
using namespace echelon::test;
using namespace std::chrono_literals;
namespace asio = boost::asio;
using asio::ip::tcp;
using providers::http_origin;
using reason = providers::transport_error::reason;

namespace {

http_origin at(const std::string& url) {
  config::provider_config provider;
  provider.name = "p";
  provider.base_url = url;
  return providers::origin_of(provider);
}

void pump(tcp::socket& from, tcp::socket& to) {
  boost::system::error_code ec;
  char bytes[4096];
  while (!ec) {
    const auto got = from.read_some(asio::buffer(bytes), ec);
    if (!ec) asio::write(to, asio::buffer(bytes, got), ec);
  }
  boost::system::error_code ignored;
  to.shutdown(tcp::socket::shutdown_send, ignored);
}

/// Answers CONNECT with a tunnel to `port` of loopback whatever the name, and remembers the head.
struct tunnel {
  std::mutex guard;
  std::vector<std::string> heads;
  raw_upstream proxy;

  explicit tunnel(std::uint16_t port)
      : proxy([this, port](raw_peer& peer, int) {
          auto head = peer.request();
          {
            const std::lock_guard lock{guard};
            heads.push_back(std::move(head));
          }
          asio::io_context context;
          tcp::socket far{context};
          far.connect({asio::ip::make_address("127.0.0.1"), port});
          peer.send("HTTP/1.1 200 Connection established\r\nX-Via: test\r\n\r\n");
          std::thread back{[&] { pump(far, peer.socket()); }};
          pump(peer.socket(), far);
          back.join();
        }) {}
};

std::string proxy_url(const raw_upstream& proxy, const std::string& user = "") {
  return "http://" + user + "127.0.0.1:" + std::to_string(proxy.port());
}

} // namespace

TEST_CASE("proxy URLs are read, credentials as Proxy-Authorization") {
  const auto plain = providers::read_proxy("http://proxy.test:3128/", "x");
  CHECK(plain.str() == "proxy.test:3128");
  CHECK(plain.authorization.empty());
  CHECK(providers::read_proxy("proxy.test", "x").str() == "proxy.test:80");
  CHECK(providers::read_proxy("HTTP://[::1]:8", "x").str() == "[::1]:8");
  const auto user = providers::read_proxy("http://us%40er:p:w%20d@h:1", "x");
  CHECK(user.str() == "h:1");
  CHECK(user.authorization == "Basic dXNAZXI6cDp3IGQ=");
  for (const auto* wrong : {"socks5://u:secret@h:1", "https://u:secret@h", "http://u:secret@",
                            "u:secret@h:70000", "u:secret@h:x", "u:secret@[::1"})
    try {
      static_cast<void>(providers::read_proxy(wrong, "HTTPS_PROXY"));
      FAIL(wrong);
    } catch (const providers::transport_error& error) {
      CHECK_THAT(error.message, Catch::StartsWith("the proxy of HTTPS_PROXY cannot be used: "));
      CHECK(error.message.find("secret") == std::string::npos);
    }
}

TEST_CASE("NO_PROXY names hosts, suffixes, ports, literals and networks") {
  struct row {
    const char* list;
    const char* url;
    bool direct;
  };
  const auto x = GENERATE(values<row>({
      {"", "https://api.test", false},
      {"*", "https://api.test", true},
      {"api.test", "https://api.test", true},
      {"API.test", "https://api.TEST", true},
      {"test", "https://api.test", true},
      {".test", "https://api.test", true},
      {"*.test", "https://api.test", true},
      {"pi.test", "https://api.test", false},
      {"a.api.test", "https://api.test", false},
      {"api.test:443", "https://api.test", true},
      {"api.test:80", "https://api.test", false},
      {"api.test:8443", "https://api.test:8443", true},
      {"x, api.test", "https://api.test", true},
      {"x api.test y", "https://api.test", true},
      {",, ,", "https://api.test", false},
      {".", "https://api.test", false},
      {"10.0.0.1", "http://10.0.0.1", true},
      {"10.0.0.1", "http://10.0.0.11", false},
      {"0.0.1", "http://10.0.0.1", false},
      {"10.0.0.0/8", "http://10.9.0.1", true},
      {"10.0.0.0/8", "http://11.9.0.1", false},
      {"10.0.0.0/99", "http://10.0.0.1", false},
      {"10.0.0.0/8", "http://api.test", false},
      {"::1", "http://[::1]:9", true},
      {"[::1]:9", "http://[::1]:9", true},
      {"[::1]:8", "http://[::1]:9", false},
      {"fd00::/8", "http://[fd12::1]", true},
      {"fd00::/8", "http://10.0.0.1", false},
  }));
  CAPTURE(x.list, x.url);
  CHECK(providers::goes_direct(x.list, at(x.url)) == x.direct);
}

TEST_CASE("the provider's proxy comes before the environment's, which spares loopback") {
  const providers::proxy_environment env{"http://s:1", "http://p:2", "direct.test"};
  config::provider_config provider;
  const auto chosen = [&](const std::string& url) {
    const auto got = providers::proxy_for(provider, at(url), env);
    return got ? got->str() : "-";
  };
  CHECK(chosen("https://api.test") == "s:1");
  CHECK(chosen("http://api.test") == "p:2");
  CHECK(chosen("https://a.direct.test") == "-");
  for (const auto* near :
       {"http://localhost", "http://127.0.0.9", "https://[::1]", "http://a.localhost"})
    CHECK(chosen(near) == "-");
  provider.proxy = "http://own:3";
  CHECK(chosen("https://a.direct.test") == "own:3");
  CHECK(chosen("http://127.0.0.1") == "own:3");
  provider.proxy = "none";
  CHECK(chosen("https://api.test") == "-");
}

TEST_CASE("https goes through a tunnel, checked end to end, and the tunnel is used again") {
  authority ca;
  std::string sni = "none";
  std::mutex guard;
  raw_upstream upstream{tls_play(ca.issue({.san = "DNS:up.test"}), "secret", sni, guard)};
  tunnel via{upstream.port()};
  client uut;
  auto provider = upstream.provider();
  provider.base_url = "https://up.test:" + std::to_string(upstream.port());
  provider.ca_file = ca.file();
  provider.proxy = proxy_url(via.proxy, "me:pw@");
  for (int i = 0; i < 3; ++i) {
    const auto got = uut.get(provider, post("/", ""));
    CHECK_FALSE(got.error);
    CHECK(got.body == "secret");
  }
  provider.base_url = "https://other.test:" + std::to_string(upstream.port());
  const auto refused = uut.get(provider, post("/", ""));
  REQUIRE(refused.error);
  CHECK_THAT(refused.error->message, Catch::Contains("certificate refused: hostname mismatch"));
  uut.transport.reset();
  const std::lock_guard lock{via.guard};
  REQUIRE(via.heads.size() == 2); // One name, one tunnel; the proxy resolved the names.
  const auto target = "up.test:" + std::to_string(upstream.port());
  CHECK(via.heads[0]
        == "CONNECT " + target + " HTTP/1.1\r\nHost: " + target
               + "\r\nProxy-Authorization: Basic bWU6cHc=\r\n\r\n");
}

TEST_CASE("http is relayed with the whole URL, and credentials are the proxy's alone") {
  std::string seen;
  std::mutex guard;
  raw_upstream proxy{[&](raw_peer& peer, int) {
    for (int i = 0; i < 2; ++i) {
      auto head = peer.request();
      const std::lock_guard lock{guard};
      seen = std::move(head);
      peer.send(ok("relayed"));
    }
  }};
  client uut;
  config::provider_config provider;
  provider.base_url = "http://up.test:81/v1";
  provider.proxy = proxy_url(proxy, "me:pw@");
  const auto got =
      uut.get(provider, post("/v1/x?y=1", "{}", {{"Proxy-Authorization", "client's"}}));
  CHECK(got.body == "relayed");
  {
    const std::lock_guard lock{guard};
    CHECK_THAT(seen, Catch::StartsWith("POST http://up.test:81/v1/x?y=1 HTTP/1.1\r\nHost: "
                                       "up.test:81\r\nProxy-Authorization: Basic bWU6cHc=\r\n"));
    CHECK(seen.find("client's") == std::string::npos);
  }
  provider.base_url = "http://second.test";
  CHECK(uut.get(provider).body == "relayed");
  CHECK(proxy.accepted() == 2); // Connections are kept for each upstream on its own.
}

TEST_CASE("a proxy that refuses, hangs or talks nonsense is a network failure that says so") {
  struct row {
    const char* answer;
    const char* told;
  };
  const auto x = GENERATE(values<row>({
      {"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n"
       "Content-Length: 3\r\n\r\nno!",
       "the proxy refused: 407 Proxy Authentication Required"},
      {"HTTP/1.1 403 me:pw\r\n\r\n", "the proxy refused: 403 Forbidden"},
      {"HTTP/1.1 502 Bad Gateway\r\n\r\n<html>", "the proxy refused: 502 Bad Gateway"},
      {"SSH-2.0\r\n\r\n", "the proxy's answer is not HTTP"},
      {"", "the proxy closed the connection"},
      {"HTTP/1.1 200 OK\r\n\r\nunasked", "the proxy sent data before the tunnel was used"},
      {"hang", "not done within 200 ms"},
  }));
  raw_upstream proxy{[&](raw_peer& peer, int) {
    static_cast<void>(peer.request());
    if (std::string_view{x.answer} == "hang") return peer.wait_closed();
    peer.send(x.answer);
  }};
  client uut;
  config::provider_config provider;
  provider.base_url = "https://up.test";
  provider.proxy = proxy_url(proxy, "me:pw@");
  provider.connect_timeout = 200ms;
  const auto got = uut.get(provider);
  REQUIRE(got.error);
  CHECK(got.error->why == reason::network);
  CHECK(got.error->message
        == "cannot connect to up.test:443 through the proxy " + proxy_url(proxy).substr(7) + ": "
               + x.told);
  CHECK(proxy.accepted() == 1);
}

TEST_CASE("a relaying proxy that wants other credentials is no client's fault") {
  raw_upstream proxy{[&](raw_peer& peer, int) {
    static_cast<void>(peer.request());
    peer.send("HTTP/1.1 407 X\r\nContent-Length: 0\r\n\r\n");
  }};
  client uut;
  config::provider_config provider;
  provider.base_url = "http://up.test";
  provider.proxy = proxy_url(proxy);
  const auto got = uut.get(provider);
  REQUIRE(got.error);
  CHECK(got.error->why == reason::network);
  CHECK_THAT(got.error->message,
             Catch::EndsWith("the proxy refused: 407 Proxy Authentication Required"));
}

TEST_CASE("a proxy of the environment is read when a transport is made") {
  raw_upstream proxy{[&](raw_peer& peer, int) {
    static_cast<void>(peer.request());
    peer.send(ok("by the environment"));
  }};
  ::setenv("http_proxy", proxy_url(proxy).c_str(), 1);
  client uut;
  ::unsetenv("http_proxy");
  config::provider_config provider;
  provider.base_url = "http://up.test";
  CHECK(uut.get(provider).body == "by the environment");
}
