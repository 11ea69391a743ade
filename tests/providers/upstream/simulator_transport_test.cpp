// The simulator in the process: the same answers and faults as over sockets, on timers.
#include "fetch.hpp"

#include "providers/simulator/transport.hpp"

#include <catch2/catch.hpp>

using namespace echelon;
using namespace echelon::providers;
using namespace echelon::test;
using namespace std::chrono_literals;
using nlohmann::json;
using reason = transport_error::reason;

namespace {

struct simulation {
  boost::asio::io_context context{1};
  std::shared_ptr<simulator_engine> engine;
  std::unique_ptr<transport> via;

  explicit simulation(const std::string& script = "")
      : engine(std::make_shared<simulator_engine>(parse_script(script, "s"))),
        via(make_simulator_transport(context.get_executor(), engine)) {}

  fetched call(bool stream = false, std::chrono::milliseconds timeout = 15s) {
    const json body{{"model", "m"},
                    {"stream", stream},
                    {"messages", {{{"role", "user"}, {"content", "a b c"}}}}};
    return run(context, fetch(*via, {}, post("/v1/chat/completions", body.dump()), timeout));
  }
  std::uint64_t in_flight() const { return engine->state()["in_flight"]; }
};

} // namespace

TEST_CASE("a plain answer comes with its head and is no longer in flight") {
  simulation uut;
  const auto got = uut.call();
  REQUIRE_FALSE(got.error);
  CHECK(got.status == 200);
  CHECK(got.header("content-type") == "application/json");
  CHECK(got.header("content-length") == std::to_string(got.body.size()));
  CHECK(json::parse(got.body)["choices"][0]["message"]["content"]
        == "Simulated m answer to: a b c");
  CHECK(uut.in_flight() == 0);
}

TEST_CASE("a stream comes chunk by chunk and takes the time the script says") {
  simulation uut{
      "rules: [{then: {latency: 0.05, first_token: 0.05, per_token: 0.02, text: a b c}}]"};
  const auto begin = std::chrono::steady_clock::now();
  const auto got = uut.call(true);
  CHECK(std::chrono::steady_clock::now() - begin >= 140ms);
  CHECK(got.pieces.size() == 5);
  CHECK(got.body.ends_with("data: [DONE]\n\n"));
}

TEST_CASE("pieces are at most 64 KiB") {
  simulation uut{"rules: [{then: {body: \"" + std::string(200000, 'x') + "\"}}]"};
  const auto got = uut.call();
  CHECK(got.body.size() == 200000);
  CHECK(got.pieces.size() == 4);
}

TEST_CASE("TRIGGER.3 cuts and drops are network failures, with what came before") {
  for (const auto* how : {"cut_after: 2", "close_after: 2"}) {
    simulation uut{std::string{"rules: [{then: {"} + how + "}}]"};
    const auto got = uut.call(true);
    REQUIRE(got.error);
    CHECK(got.error->why == reason::network);
    CHECK(got.pieces.size() == 3);
    CHECK(uut.in_flight() == 0);
    const auto plain = uut.call(false);
    REQUIRE(plain.error);
    CHECK(plain.error->why == reason::network);
    CHECK(plain.status == 200);
  }
  for (const auto* how : {"reset", "close"}) {
    simulation uut{std::string{"rules: [{then: {drop: "} + how + "}}]"};
    const auto got = uut.call(true);
    REQUIRE(got.error);
    CHECK(got.error->why == reason::network);
    CHECK(got.status == 0);
    CHECK(uut.in_flight() == 0);
  }
}

TEST_CASE("DEADLINE.1 hangs and stalls end at expires_at and are no longer in flight") {
  for (const auto* how : {"hang: true", "stall_after: 1", "latency: 30", "first_token: 30"}) {
    INFO(how);
    simulation uut{std::string{"rules: [{then: {"} + how + "}}]"};
    const auto begin = std::chrono::steady_clock::now();
    const auto got = uut.call(true, 100ms);
    CHECK(std::chrono::steady_clock::now() - begin >= 100ms);
    CHECK(std::chrono::steady_clock::now() - begin < 2s);
    REQUIRE(got.error);
    CHECK(got.error->why == reason::timeout);
    CHECK(uut.in_flight() == 0);
  }
}

TEST_CASE("a deadline moved away lets a waiting answer come") {
  simulation uut{"rules: [{then: {latency: 0.15}}]"};
  const auto exchange = uut.via->open({});
  exchange->expires_at(std::chrono::steady_clock::now() + 50ms);
  int status = 0;
  boost::asio::co_spawn(
      uut.context,
      [](providers::exchange& x) -> boost::asio::awaitable<response_head> {
        co_return co_await x.start(post("/v1/embeddings", R"({"model":"m","input":"a"})"));
      }(*exchange),
      [&](const std::exception_ptr& error, response_head head) {
        status = error ? -1 : head.status;
      });
  uut.context.poll(); // The call waits now.
  exchange->expires_at(std::chrono::steady_clock::now() + 10s);
  uut.context.restart();
  uut.context.run_for(5s);
  CHECK(status == 200);
}

TEST_CASE("SLOTS.2 cancel and destruction end a waiting call and free its place at once") {
  for (const bool destroy : {true, false}) {
    simulation uut{"rules: [{then: {hang: true}}]"};
    auto exchange = uut.via->open({});
    std::optional<reason> why;
    boost::asio::co_spawn(uut.context,
                          exchange->start(post("/v1/embeddings", R"({"model":"m","input":"a"})")),
                          [&](const std::exception_ptr& error, const response_head&) {
                            try {
                              if (error) std::rethrow_exception(error);
                            } catch (const transport_error& thrown) {
                              why = thrown.why;
                            }
                          });
    uut.context.poll();
    CHECK(uut.in_flight() == 1);
    if (destroy)
      exchange.reset();
    else
      exchange->cancel();
    CHECK(uut.in_flight() == 0);
    uut.context.restart();
    uut.context.run_for(5s);
    REQUIRE(why);
    CHECK(*why == reason::cancelled);
  }
}

TEST_CASE("simulated providers go to the simulator and others to their sockets") {
  boost::asio::io_context context{1};
  const auto engine = std::make_shared<simulator_engine>();
  const auto via = make_transport(context.get_executor(), engine);
  config::provider_config provider;
  provider.base_url = "http://127.0.0.1:1"; // Nothing listens there.
  const auto request = post("/v1/embeddings", R"({"model":"m","input":"a"})");
  CHECK(run(context, fetch(*via, provider, request)).error);
  provider.simulate = true;
  CHECK(run(context, fetch(*via, provider, request)).status == 200);
  provider.simulate = false;
  provider.kind = config::provider_kind::simulator;
  CHECK(run(context, fetch(*via, provider, request)).status == 200);
  CHECK(engine->state()["requests"] == 2);
}
