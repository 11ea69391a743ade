// The simulator over real sockets.
#include "simulator_client.hpp"

#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include <catch2/catch.hpp>

using namespace echelon;
using namespace echelon::test;
using namespace std::chrono_literals;
using boost::asio::ip::tcp;
using nlohmann::json;

TEST_CASE("a plain and a streamed answer come over one kept connection") {
  simulator_client uut;
  const auto plain = uut.chat(false);
  REQUIRE_FALSE(plain.error);
  CHECK(json::parse(plain.body)["choices"][0]["message"]["content"]
        == "Simulated m answer to: a b c");
  CHECK(plain.header("content-type") == "application/json");
  const auto stream = uut.chat(true);
  REQUIRE_FALSE(stream.error);
  CHECK(stream.header("content-type") == "text/event-stream");
  CHECK(stream.body.ends_with("data: [DONE]\n\n"));
}

TEST_CASE("the same bytes come over sockets and in the process") {
  for (const bool stream : {true, false}) {
    simulator_client uut;
    const auto over = uut.chat(stream);
    const auto engine = std::make_shared<providers::simulator_engine>();
    std::string inside;
    for (const auto& piece : engine->plan(simulator_client::chat_request(stream)).pieces)
      inside += piece.bytes;
    CHECK(over.body == inside);
  }
}

TEST_CASE("the answer is no longer in flight once it was read") {
  simulator_client uut;
  for (int i = 0; i < 50; ++i) {
    REQUIRE_FALSE(uut.chat(i % 2 == 0).error);
    REQUIRE(uut.engine->state()["in_flight"] == 0); // At once, so that limits can be measured.
  }
  CHECK(uut.engine->state()["max_in_flight"] == 1);
}

TEST_CASE("scripts are posted and the state is read while it runs") {
  simulator_client uut;
  CHECK(uut.send(post("/sim/script",
                      R"({"rules":[{"then":{"status":503,"headers":{"Retry-After":"7"}}}]})"))
            .status
        == 200);
  const auto got = uut.chat(false);
  CHECK(got.status == 503);
  CHECK(got.header("retry-after") == "7");
  providers::http_request state;
  state.method = "GET";
  state.target = "/sim/state";
  const auto told = json::parse(uut.send(state).body);
  CHECK(told["models"]["m"]["arrivals"][0]["status"] == 503);
  CHECK(uut.send(post("/sim/script", "rules: 1")).status == 400);
}

TEST_CASE("many connections are served at the same time") {
  simulator_client uut{"rules: [{then: {latency: 0.3}}]"};
  int done = 0;
  int good = 0;
  for (int i = 0; i < 200; ++i)
    boost::asio::co_spawn(uut.context,
                          fetch(*uut.via, uut.provider(), simulator_client::chat_request(false)),
                          [&](const std::exception_ptr& error, const fetched& got) {
                            ++done;
                            if (!error && !got.error && got.status == 200) ++good;
                          });
  const auto end = std::chrono::steady_clock::now() + 15s;
  while (done < 200 && uut.context.run_one_until(end) > 0) {
  }
  CHECK(good == 200);
  CHECK(uut.engine->state()["max_in_flight"] == 200);
}

TEST_CASE("a client that leaves is counted down at once") {
  simulator_client uut{"rules: [{then: {hang: true, repeat: 1}}, {then: {per_token: 30}}]"};
  for (const bool stream : {false, true}) {
    auto exchange = uut.via->open(uut.provider());
    boost::asio::co_spawn(uut.context, exchange->start(simulator_client::chat_request(stream)),
                          [](const std::exception_ptr&, const providers::response_head&) {});
    uut.context.restart();
    const auto end = std::chrono::steady_clock::now() + 5s;
    while (uut.engine->state()["in_flight"] != 1 && std::chrono::steady_clock::now() < end)
      uut.context.run_one_for(10ms);
    REQUIRE(uut.engine->state()["in_flight"] == 1);
    exchange.reset();
    CHECK(uut.in_flight_becomes(0));
  }
}

TEST_CASE("Expect: 100-continue is answered before the body") {
  simulator_client uut;
  boost::asio::io_context context;
  tcp::socket socket{context};
  socket.connect({boost::asio::ip::make_address("127.0.0.1"), uut.server.port()});
  boost::asio::write(socket, boost::asio::buffer(std::string{
                                 "POST /sim/reset HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                                 "Content-Length: 2\r\n\r\n"}));
  std::string text;
  boost::asio::read_until(socket, boost::asio::dynamic_buffer(text), "\r\n\r\n");
  CHECK(text == "HTTP/1.1 100 Continue\r\n\r\n");
  boost::asio::write(socket, boost::asio::buffer(std::string{"{}"}));
  text.clear();
  boost::asio::read_until(socket, boost::asio::dynamic_buffer(text), "\r\n\r\n");
  CHECK(text.starts_with("HTTP/1.1 200 OK\r\n"));
}

TEST_CASE("garbage is answered 400 and the connection closed") {
  simulator_client uut;
  boost::asio::io_context context;
  tcp::socket socket{context};
  socket.connect({boost::asio::ip::make_address("127.0.0.1"), uut.server.port()});
  boost::asio::write(socket, boost::asio::buffer(std::string{"\x01\x02 garbage\r\n\r\n"}));
  std::string text;
  boost::system::error_code ec;
  boost::asio::read(socket, boost::asio::dynamic_buffer(text), ec);
  CHECK(text.starts_with("HTTP/1.1 400 Bad Request\r\n"));
}

TEST_CASE("stop ends waiting requests and idle connections") {
  simulator_client uut{"rules: [{match: {nth: 2}, then: {hang: true}}]"};
  REQUIRE_FALSE(uut.chat(false).error); // Leaves an idle connection.
  std::optional<fetched> got;
  boost::asio::co_spawn(uut.context,
                        fetch(*uut.via, uut.provider(), simulator_client::chat_request(false)),
                        [&](const std::exception_ptr&, fetched x) { got = std::move(x); });
  uut.context.restart();
  const auto end = std::chrono::steady_clock::now() + 5s;
  while (uut.engine->state()["in_flight"] != 1 && std::chrono::steady_clock::now() < end)
    uut.context.run_one_for(10ms);
  uut.server.stop();
  while (!got && uut.context.run_one_until(end) > 0) {
  }
  REQUIRE(got);
  CHECK(got->error);
  CHECK(uut.in_flight_becomes(0));
}
