// Starting, stopping and reloading a router inside a host.
#include "tests/api/support.hpp"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

using namespace echelon;
using namespace echelon::test;

TEST_CASE("a configuration that is wrong is told fault by fault", "[api]") {
  const auto error = error_of([] {
    static_cast<void>(
        ConfigManager::from_text("task_groups: {g: {t: {models: []}, x: 3}}\nfoo: 1\n"));
  });
  CHECK(error.kind() == ErrorKind::configuration);
  CHECK_THAT(error.what(), Catch::Contains("config.yaml:1:") && Catch::Contains("foo"));
  CHECK(error_of([] { static_cast<void>(ConfigManager{"/nowhere/at/all.yaml"}); }).kind()
        == ErrorKind::configuration);
}

TEST_CASE("a stopped router refuses calls and its clients stay safe", "[api]") {
  simulated_router uut;
  CHECK(uut.factory.ready());
  uut.factory.shutdown();
  CHECK_FALSE(uut.factory.ready());
  CHECK(error_of([&] { uut.client.call("x"); }).kind() == ErrorKind::shut_down);
  auto stream = uut.client.open_stream("x");
  CHECK(error_of([&] { stream.next(); }).kind() == ErrorKind::shut_down);
  CHECK(error_of([&] { static_cast<void>(uut.factory.state()); }).kind() == ErrorKind::shut_down);
  uut.factory.shutdown();
}

TEST_CASE("a shutdown answers every call in flight with an error", "[api]") {
  simulated_router uut{R"(
rules:
  - {match: {stream: true}, then: {stall_after: 2}}
  - {match: {model: gpt-35}, then: {text: quick}}
  - {then: {hang: true}}
)"};
  std::vector<PendingCompletion> plain;
  for (int i = 0; i < 40; ++i)
    plain.push_back(uut.client.async_with_group("plan_group", "x"));
  auto stream = uut.client.open_stream("x");
  CHECK(stream.next());
  CHECK(uut.client.call_with_group("fast_group.echelon1", "x").text == "quick");
  const auto begun = std::chrono::steady_clock::now();
  uut.factory.shutdown();
  // A bound against hanging, far above what it takes.
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds{5});
  for (auto& x : plain)
    CHECK(error_of([&] { x.get(); }).kind() == ErrorKind::shut_down);
  CHECK(error_of([&] { stream.completion(); }).kind() == ErrorKind::shut_down);
}

TEST_CASE("a stream that waits for its reader outlives its router", "[api]") {
  std::optional<CompletionStream> stream;
  {
    simulated_router uut{"rules: [{then: {words: 2000}}]\n"};
    stream.emplace(uut.client.open_stream("x"));
    // So many that the upstream is held.
    while (permits_in_use(uut.factory) == 0)
      std::this_thread::yield();
    CHECK(stream->next());
  }
  CHECK(error_of([&] { stream->completion(); }).kind() == ErrorKind::shut_down);
  stream->cancel();
}

TEST_CASE("a shutdown with grace lets calls end", "[api]") {
  simulated_router uut{"rules: [{then: {latency: 0.05, text: done}}]\n"};
  auto x = uut.client.async_with_group("plan_group", "x");
  uut.factory.shutdown(std::chrono::seconds{60});
  CHECK(x.get().text == "done");
}

TEST_CASE("what would wait for itself in an observer is refused, and the last copy may go there",
          "[api]") {
  std::optional<simulated_router> uut{std::in_place};
  std::promise<std::vector<ErrorKind>> seen;
  CallObserver to;
  to.on_done = [&](const Completion&) {
    std::vector<ErrorKind> kinds;
    kinds.push_back(error_of([&] { uut->client.call("x"); }).kind());
    kinds.push_back(error_of([&] { uut->factory.shutdown(); }).kind());
    uut.reset();
    seen.set_value(kinds);
    throw std::runtime_error("a fault of the host");
  };
  const auto client = uut->client;
  static_cast<void>(client.start("fast_group", "x", to));
  CHECK(seen.get_future().get() == std::vector<ErrorKind>(2, ErrorKind::invalid_request));
  while (true) {
    try {
      client.call("x");
    } catch (const LlmError& error) {
      CHECK(error.kind() == ErrorKind::shut_down);
      break;
    }
  }
}

TEST_CASE("an observer that throws at a chunk ends its call with an error", "[api]") {
  simulated_router uut;
  std::promise<std::string> end;
  CallObserver to;
  to.on_chunk = [](const Chunk&) { throw std::runtime_error("cannot take this"); };
  to.on_error = [&](const LlmError& x) { end.set_value(x.what()); };
  static_cast<void>(uut.client.start("fast_group", "x", to));
  CHECK_THAT(end.get_future().get(), Catch::Contains("cannot take this"));
  while (permits_in_use(uut.factory) != 0)
    std::this_thread::yield();
}

TEST_CASE("the last copy of a factory stops the router", "[api]") {
  std::optional<LlmClient> client;
  std::optional<PendingCompletion> open;
  {
    simulated_router uut{"rules: [{then: {hang: true}}]\n"};
    const auto copy = uut.factory;
    client = uut.client;
    open = client->async_with_group("plan_group", "x");
  }
  CHECK(error_of([&] { open->get(); }).kind() == ErrorKind::shut_down);
  CHECK(error_of([&] { client->call("x"); }).kind() == ErrorKind::shut_down);
}

TEST_CASE("calls from many threads while the router stops all get an end", "[api]") {
  simulated_router uut;
  std::atomic<int> answered{0}, stopped{0}, other{0};
  std::atomic<bool> go_on{true};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      while (go_on) {
        try {
          uut.client.call("x");
          ++answered;
        } catch (const LlmError& error) {
          if (error.kind() != ErrorKind::shut_down) ++other;
          ++stopped;
          return;
        }
      }
    });
  while (answered < 50)
    std::this_thread::yield();
  uut.factory.shutdown();
  for (auto& x : threads)
    x.join();
  CHECK(stopped == 4);
  CHECK(other == 0);
}

TEST_CASE("threads that come and stay may start, reload, use and stop a router", "[api]") {
  // CAF keeps things of an actor system in each thread that has worked for it.
  std::promise<void> end;
  const auto over = end.get_future().share();
  std::vector<std::thread> staying;
  const auto stay = [&](auto what) {
    std::promise<void> did;
    auto done = did.get_future();
    staying.emplace_back([&, over, did = std::move(did)]() mutable {
      what();
      did.set_value();
      over.wait();
    });
    done.get();
  };
  std::optional<simulated_router> uut;
  stay([&] { uut.emplace(); });
  stay([&] { CHECK_FALSE(uut->client.call("x").text.empty()); });
  stay([&] { uut->factory.reload(); });
  stay([&] { CHECK_FALSE(uut->factory.state().empty()); });
  stay([&] { uut->factory.shutdown(); });
  end.set_value();
  for (auto& x : staying)
    x.join();
}

TEST_CASE("a router starts and stops a thousand times", "[api]") {
  // Leaks are the sanitizer's to find; threads and descriptors would run out here.
  const auto config = ConfigManager::from_text(configuration(), [] {
    ConfigOptions x;
    x.simulate = true;
    return x;
  }());
  for (int i = 0; i < 1000; ++i) {
    const LlmFactory factory{config};
    const auto client = factory.create_client_from_group("plan_group");
    if (i % 100 == 0) REQUIRE(client.call("x").text == "Simulated gpt-4 answer to: x");
  }
}

TEST_CASE("a reload takes the file as it is now, or nothing of it", "[api]") {
  const temporary_file file{configuration()};
  ConfigOptions simulating;
  simulating.simulate = true;
  const LlmFactory factory{ConfigManager{file.path(), simulating}};
  const auto client = factory.create_client_from_group("fast_group");
  auto changed = configuration();
  changed.replace(changed.find("model: gpt-35}"), 13, "model: gpt-5");
  file.write(changed);
  factory.reload();
  CHECK(client.call("x").text == "Simulated gpt-5 answer to: x");
  file.write("task_groups: 17\n");
  CHECK(error_of([&] { factory.reload(); }).kind() == ErrorKind::configuration);
  CHECK(client.call("x").model == "gpt-5");
}

TEST_CASE("the log is silent until a host takes it", "[api]") {
  std::mutex mutex;
  std::vector<std::string> lines;
  set_log([&](LogLevel, std::string_view x) {
    const std::lock_guard guard{mutex};
    lines.emplace_back(x);
  });
  {
    simulated_router uut;
    uut.client.call("a secret prompt");
  }
  set_log(nullptr);
  const std::lock_guard guard{mutex};
  REQUIRE_FALSE(lines.empty());
  for (const auto& line : lines)
    CHECK_THAT(line, !Catch::Contains("a secret prompt"));
}
