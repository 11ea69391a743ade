/// A simulator server on a thread of its own, and calls to it over real sockets.
#pragma once

#include "fetch.hpp"

#include "providers/simulator/server.hpp"

#include <memory>
#include <string>
#include <thread>

namespace echelon::test {

struct simulator_client {
  boost::asio::io_context server_context{1};
  std::shared_ptr<providers::simulator_engine> engine;
  providers::simulator_server server;
  std::thread thread;
  boost::asio::io_context context{1};
  std::unique_ptr<providers::transport> via =
      providers::make_http_transport(context.get_executor());

  explicit simulator_client(const std::string& script = "")
      : engine(std::make_shared<providers::simulator_engine>(providers::parse_script(script, "s"))),
        server(server_context, {boost::asio::ip::make_address("127.0.0.1"), 0}, engine) {
    server.start();
    thread = std::thread{[this] { server_context.run(); }};
  }
  ~simulator_client() {
    server.stop();
    thread.join(); // Ends only when every session has.
  }
  simulator_client(const simulator_client&) = delete;
  simulator_client& operator=(const simulator_client&) = delete;

  [[nodiscard]] config::provider_config provider() const {
    config::provider_config out;
    out.base_url = "http://127.0.0.1:" + std::to_string(server.port());
    return out;
  }
  fetched send(providers::http_request request,
               std::chrono::milliseconds timeout = std::chrono::seconds{15}) {
    return run(context, fetch(*via, provider(), std::move(request), timeout));
  }
  fetched chat(bool stream, std::chrono::milliseconds timeout = std::chrono::seconds{15}) {
    return send(chat_request(stream), timeout);
  }
  [[nodiscard]] static providers::http_request chat_request(bool stream) {
    const nlohmann::json body{{"model", "m"},
                              {"stream", stream},
                              {"messages", {{{"role", "user"}, {"content", "a b c"}}}}};
    return post("/v1/chat/completions", body.dump());
  }
  /// Waits until the engine counts `n` in flight; false after 5 s.
  [[nodiscard]] bool in_flight_becomes(std::uint64_t n) const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{5};
    while (engine->state()["in_flight"] != n) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::yield();
    }
    return true;
  }
};

} // namespace echelon::test
