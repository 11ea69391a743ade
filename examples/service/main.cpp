// An HTTP service that embeds the router: POST /summarize with a text gives its summary. Handlers
// are coroutines that await the call; no HTTP hop lies between them and the router.
//   service CONFIG [--simulate]      prints `listening on PORT`; SIGTERM ends it
#include <echelon/asio.hpp>
#include <echelon/echelon.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <cstring>
#include <iostream>

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

namespace {

using request_type = http::request<http::string_body>;
using response_type = http::response<http::string_body>;

asio::awaitable<response_type> answer(const echelon::LlmClient& client,
                                      const request_type& request) {
  response_type reply{http::status::ok, request.version()};
  reply.keep_alive(request.keep_alive());
  if (request.method() != http::verb::post || request.target() != "/summarize") {
    reply.result(http::status::not_found);
    reply.body() = "POST a text to /summarize\n";
  } else {
    const echelon::Targets targets{client.target()};
    const echelon::Prompt prompt{"Summarize: " + request.body()};
    echelon::CallOptions options;
    options.timeout = std::chrono::seconds{30};
    try {
      const auto x =
          co_await echelon::async_call(client, targets, prompt, options, asio::use_awaitable);
      reply.set("x-route", x.route);
      reply.body() = x.text + '\n';
    } catch (const echelon::LlmError& error) {
      reply.result(error.status() >= 400 ? static_cast<unsigned>(error.status()) : 503U);
      reply.body() = std::string{error.what()} + '\n';
    }
  }
  reply.prepare_payload();
  co_return reply;
}

asio::awaitable<void> serve(tcp::socket socket, const echelon::LlmClient& client) {
  boost::beast::flat_buffer buffer;
  try {
    for (bool open = true; open;) {
      request_type request;
      co_await http::async_read(socket, buffer, request, asio::use_awaitable);
      auto reply = co_await answer(client, request);
      open = reply.keep_alive();
      co_await http::async_write(socket, reply, asio::use_awaitable);
    }
  } catch (const boost::system::system_error&) {
    // The client has left.
  }
}

asio::awaitable<void> listen(tcp::acceptor& acceptor, const echelon::LlmClient& client) {
  for (;;) {
    auto socket = co_await acceptor.async_accept(asio::use_awaitable);
    asio::co_spawn(acceptor.get_executor(), serve(std::move(socket), client), asio::detached);
  }
}

} // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: service CONFIG [--simulate]\n";
    return 2;
  }
  try {
    echelon::ConfigOptions how;
    how.simulate = argc > 2 && std::strcmp(argv[2], "--simulate") == 0;
    const echelon::LlmFactory factory{echelon::ConfigManager{argv[1], how}};
    const auto client = factory.create_client_from_group("fast_group");
    asio::io_context io{1};
    tcp::acceptor acceptor{io, {asio::ip::address_v4::loopback(), 0}};
    asio::signal_set signals{io, SIGTERM, SIGINT};
    signals.async_wait([&](const boost::system::error_code&, int) { io.stop(); });
    std::cout << "listening on " << acceptor.local_endpoint().port() << std::endl;
    asio::co_spawn(io, listen(acceptor, client), asio::detached);
    io.run();
    factory.shutdown(std::chrono::seconds{5});
    return 0;
  } catch (const echelon::LlmError& error) {
    std::cerr << "service: " << error.what() << '\n';
    return 1;
  }
}
