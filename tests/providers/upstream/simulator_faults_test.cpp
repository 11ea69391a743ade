// The simulator's faults, as the HTTP transport meets them on real sockets.
#include "simulator_client.hpp"

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <catch2/catch.hpp>

using namespace echelon;
using namespace echelon::test;
using namespace std::chrono_literals;
using reason = providers::transport_error::reason;

namespace {

/// Sends one streamed call over a raw socket; the error that ended the connection.
boost::system::error_code raw_end(const simulator_client& at, std::string& text) {
  boost::asio::io_context context;
  boost::asio::ip::tcp::socket socket{context};
  socket.connect({boost::asio::ip::make_address("127.0.0.1"), at.server.port()});
  const auto body = simulator_client::chat_request(true).body;
  boost::asio::write(socket,
                     boost::asio::buffer("POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n"
                                         "Content-Length: "
                                         + std::to_string(body.size()) + "\r\n\r\n" + body));
  boost::system::error_code ec;
  boost::asio::read(socket, boost::asio::dynamic_buffer(text), ec);
  return ec;
}

} // namespace

TEST_CASE("cut_after ends in a reset, close_after in a clean close, each after its chunks") {
  std::string text;
  {
    simulator_client uut{"rules: [{then: {cut_after: 2, per_token: 0.02}}]"};
    CHECK(raw_end(uut, text) == boost::asio::error::connection_reset);
    CHECK(text.find("Simulated ") != std::string::npos);
    CHECK(text.find("\"m \"") != std::string::npos);
    CHECK(text.find("answer") == std::string::npos);
  }
  {
    text.clear();
    simulator_client uut{"rules: [{then: {close_after: 2}}]"};
    CHECK(raw_end(uut, text) == boost::asio::error::eof);
    CHECK(text.find("\"m \"") != std::string::npos);
    CHECK_FALSE(text.ends_with("0\r\n\r\n"));
  }
}

TEST_CASE("drop ends the connection before any byte") {
  std::string text;
  simulator_client uut{"rules: [{then: {drop: reset, repeat: 1}}, {then: {drop: close}}]"};
  CHECK(raw_end(uut, text) == boost::asio::error::connection_reset);
  CHECK(raw_end(uut, text) == boost::asio::error::eof);
  CHECK(text.empty());
}

TEST_CASE("ENDING.1 a cut or closed answer is a network failure of the transport") {
  for (const auto* how : {"cut_after: 2", "close_after: 2", "drop: reset", "drop: close"}) {
    for (const bool stream : {true, false}) {
      INFO(how << " stream " << stream);
      simulator_client uut{std::string{"rules: [{then: {"} + how + "}}]"};
      const auto got = uut.chat(stream);
      REQUIRE(got.error);
      CHECK(got.error->why == reason::network);
      CHECK(uut.in_flight_becomes(0));
      CHECK(uut.engine->state()["requests"] == 1);
    }
  }
}

TEST_CASE("DEADLINE.1 hangs and stalls last until the caller's deadline and end its flight") {
  for (const auto* how : {"hang: true", "stall_after: 1", "latency: 30", "first_token: 30"}) {
    INFO(how);
    simulator_client uut{std::string{"rules: [{then: {"} + how + "}}]"};
    const auto got = uut.chat(true, 150ms);
    REQUIRE(got.error);
    CHECK(got.error->why == reason::timeout);
    CHECK(uut.in_flight_becomes(0));
  }
}

TEST_CASE("an error event ends a stream cleanly") {
  simulator_client uut{
      "rules: [{then: {error_event: {error: {message: overloaded}}, error_after: 1}}]"};
  const auto got = uut.chat(true);
  REQUIRE_FALSE(got.error);
  CHECK(got.body.ends_with("data: {\"error\":{\"message\":\"overloaded\"}}\n\n"));
}

TEST_CASE("a stream's chunks arrive one by one") {
  simulator_client uut{"rules: [{then: {text: a b c d, per_token: 0.03}}]"};
  const auto got = uut.chat(true);
  REQUIRE_FALSE(got.error);
  // Role with a, b, c, d with the end at least: each wait lets what was sent before through.
  CHECK(got.pieces.size() >= 4);
}
