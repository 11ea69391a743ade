// TLS is checked: the chain, the dates and the name.
#include "certificates.hpp"
#include "client.hpp"

#include <catch2/catch.hpp>

using namespace echelon;
using namespace echelon::test;
using reason = providers::transport_error::reason;

namespace {

/// Calls an upstream that shows `shown`, by `host`, trusting `ca_file`.
struct tls_call {
  std::string sni = "none";
  std::mutex guard;
  int accepted = 0;
  fetched got;

  tls_call(const certificate& shown, const std::string& host, const std::string& ca_file,
           int calls = 1) {
    raw_upstream upstream{tls_play(shown, "secret", sni, guard)};
    auto provider = upstream.provider();
    provider.base_url = "https://" + host + ':' + std::to_string(upstream.port());
    provider.ca_file = ca_file;
    client uut;
    providers::http_request request;
    request.method = "GET";
    for (int i = 0; i < calls; ++i)
      got = uut.get(provider, request);
    uut.transport.reset();
    accepted = upstream.accepted();
  }

  void check_refused(const std::string& why) const {
    REQUIRE(got.error);
    CHECK(got.error->why == reason::network);
    CHECK_THAT(got.error->message, Catch::Contains("certificate refused: " + why));
    CHECK(accepted == 1); // No second try, least of all without checking.
  }
};

} // namespace

TEST_CASE("HTTP.12 a good certificate is accepted, with the name as SNI, and the connection kept") {
  authority ca;
  tls_call uut{ca.issue(), "localhost", ca.file(), 3};
  CHECK_FALSE(uut.got.error);
  CHECK(uut.got.body == "secret");
  CHECK(uut.sni == "localhost");
  CHECK(uut.accepted == 1);
}

TEST_CASE("HTTP.12 an IP literal is checked against the certificate and sends no SNI") {
  authority ca;
  tls_call good{ca.issue(), "127.0.0.1", ca.file()};
  CHECK_FALSE(good.got.error);
  CHECK(good.sni == "-");
  tls_call{ca.issue({.san = "DNS:localhost"}), "127.0.0.1", ca.file()}.check_refused(
      "IP address mismatch");
}

TEST_CASE("HTTP.12 an expired certificate is refused and said to be") {
  authority ca;
  tls_call{ca.issue({.days_left = -1}), "localhost", ca.file()}.check_refused(
      "certificate has expired");
}

TEST_CASE("HTTP.12 a certificate for another name is refused and said to be") {
  authority ca;
  tls_call{ca.issue({.san = "DNS:other.test"}), "localhost", ca.file()}.check_refused(
      "hostname mismatch");
}

TEST_CASE("HTTP.12 a self-signed certificate is refused and said to be") {
  authority ca;
  tls_call{self_signed(), "localhost", ca.file()}.check_refused("self-signed certificate");
}

TEST_CASE("HTTP.12 an authority that is not trusted is refused, also by the system's list") {
  authority ca;
  authority other;
  tls_call{ca.issue(), "localhost", other.file()}.check_refused("unable to get local issuer");
  tls_call{ca.issue(), "localhost", ""}.check_refused("unable to get local issuer");
}

TEST_CASE("a CA file that cannot be read is named and nothing is sent") {
  authority ca;
  tls_call uut{ca.issue(), "localhost", "no-such-file.pem"};
  REQUIRE(uut.got.error);
  CHECK_THAT(uut.got.error->message, Catch::Contains("CA certificates from no-such-file.pem"));
  CHECK(uut.sni == "none");
}

TEST_CASE("a plain answer to a TLS handshake is a network failure") {
  raw_upstream upstream{[](raw_peer& peer, int) { peer.send("HTTP/1.1 400 Bad Request\r\n\r\n"); }};
  auto provider = upstream.provider();
  provider.base_url = "https://127.0.0.1:" + std::to_string(upstream.port());
  client uut;
  const auto got = uut.get(provider);
  REQUIRE(got.error);
  CHECK(got.error->why == reason::network);
  CHECK_THAT(got.error->message, Catch::Contains("TLS handshake failed"));
}
