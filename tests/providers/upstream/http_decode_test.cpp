// Content codings, and the transport that undoes them.
#include "client.hpp"
#include "gzip.hpp"

#include "providers/http_transport_decode.hpp"

#include <catch2/catch.hpp>

using namespace echelon;
using namespace echelon::test;
using providers::content_decoder;
using providers::transport_error;

namespace {

/// Decodes in pieces of `step` bytes.
std::string decode(std::string_view coding, std::string_view bytes, std::size_t step) {
  content_decoder uut{coding};
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += step) {
    uut.feed(std::string{bytes.substr(i, step)});
    for (auto piece = uut.next(); !piece.empty(); piece = uut.next()) {
      REQUIRE(piece.size() <= 65536);
      out += piece;
    }
  }
  uut.finish();
  return out;
}

} // namespace

TEST_CASE("HTTP.5 gzip and both forms of deflate are decoded whatever the borders") {
  std::string text;
  for (int i = 0; i < 2000; ++i)
    text += "event " + std::to_string(i * 7919) + "\n";
  for (const std::size_t step : {1UL, 7UL, 100000UL}) {
    CHECK((decode("gzip", compress(text, coding::gzip), step) == text));
    CHECK((decode("X-GZIP", compress(text, coding::gzip), step) == text));
    CHECK((decode("deflate", compress(text, coding::zlib), step) == text));
    CHECK((decode("deflate", compress(text, coding::raw), step) == text));
  }
}

TEST_CASE("several gzip members in a row are one text") {
  CHECK(decode("gzip", compress("one", coding::gzip) + compress("two", coding::gzip), 3)
        == "onetwo");
}

TEST_CASE("a small input that swells comes in bounded pieces") {
  const std::string text(5000000, 'z');
  CHECK((decode("gzip", compress(text, coding::gzip), 1000000) == text));
}

TEST_CASE("compressed content that is damaged or cut is a failure") {
  auto bytes = compress(std::string(1000, 'a') + "tail", coding::gzip);
  CHECK_THROWS_AS(decode("gzip", bytes.substr(0, bytes.size() - 4), 10), transport_error);
  CHECK_THROWS_AS(decode("gzip", "this is plain text", 100), transport_error);
  bytes[bytes.size() - 6] = static_cast<char>(bytes[bytes.size() - 6] ^ 1);
  CHECK_THROWS_AS(decode("gzip", bytes, 1000), transport_error);
}

TEST_CASE("identity and no coding pass, others are named and refused") {
  CHECK(content_decoder{""}.plain());
  CHECK(content_decoder{"Identity"}.plain());
  CHECK_THROWS_WITH(content_decoder{"br"}, "content-encoding br is not supported");
  CHECK_THROWS_WITH(content_decoder{"gzip, gzip"}, "content-encoding gzip, gzip is not supported");
}

TEST_CASE("HTTP.5 a gzip answer that was not asked for is decoded and its headers agree") {
  const std::string text(100000, 'q');
  raw_upstream upstream{[&](raw_peer& peer, int index) {
    peer.request();
    const auto bytes = compress(text, coding::gzip);
    if (index == 0)
      peer.send(ok(bytes, "Content-Encoding: gzip\r\nConnection: close\r\n"));
    else
      peer.send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
                + chunk(bytes.substr(0, 20)) + chunk(bytes.substr(20)) + "0\r\n\r\n");
    peer.wait_closed();
  }};
  client uut;
  for (int i = 0; i < 2; ++i) {
    const auto got = uut.get(upstream);
    REQUIRE_FALSE(got.error);
    CHECK((got.body == text));
    CHECK(got.header("content-encoding") == "-");
    CHECK(got.header("content-length") == "-");
  }
}

TEST_CASE("HTTP.5 a gzip answer whose framing is whole but whose content is cut is a failure") {
  raw_upstream upstream{[&](raw_peer& peer, int) {
    peer.request();
    const auto bytes = compress("some text that matters", coding::gzip);
    peer.send(ok(bytes.substr(0, bytes.size() - 8), "Content-Encoding: gzip\r\n"));
    peer.wait_closed();
  }};
  client uut;
  const auto got = uut.get(upstream);
  REQUIRE(got.error);
  CHECK(got.error->message == "the answer's compressed content ended early");
}
