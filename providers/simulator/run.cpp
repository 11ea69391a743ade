#include "providers/simulator/server.hpp"

#include <boost/asio/signal_set.hpp>

#include <charconv>
#include <csignal>
#include <iostream>
#include <optional>

namespace echelon::providers {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

std::optional<tcp::endpoint> read_endpoint(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto host = text.substr(0, colon);
  const auto digits = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto* end = digits.data() + digits.size();
  const auto [at, why] = std::from_chars(digits.data(), end, port);
  if (why != std::errc{} || at != end) return std::nullopt;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host == "localhost") host = "127.0.0.1";
  boost::system::error_code ec;
  const auto address = asio::ip::make_address(std::string{host}, ec);
  if (ec) return std::nullopt;
  return tcp::endpoint{address, port};
}

} // namespace

int run_simulator(const std::string& listen, const std::string& script_path, bool as_json) {
  const auto endpoint = read_endpoint(listen);
  if (!endpoint) {
    std::cerr << "--listen must be ADDRESS:PORT, not '" << listen << "'\n";
    return 2;
  }
  simulator_script script;
  try {
    if (!script_path.empty()) script = load_script(script_path);
  } catch (const script_error& error) {
    std::cerr << error.what() << '\n';
    return 2;
  }
  asio::io_context context{1};
  asio::signal_set signals{context, SIGINT, SIGTERM};
  std::optional<simulator_server> server;
  try {
    server.emplace(context, *endpoint, std::make_shared<simulator_engine>(std::move(script)));
  } catch (const boost::system::system_error& error) {
    std::cerr << "cannot listen on " << listen << ": " << error.code().message() << '\n';
    return 1;
  }
  signals.async_wait([&](const boost::system::error_code&, int) { server->stop(); });
  server->start();
  auto host = listen.substr(0, listen.rfind(':'));
  if (endpoint->address().is_v6() && !host.starts_with('[')) host = '[' + host + ']';
  const auto url = "http://" + host + ':' + std::to_string(server->port());
  if (as_json)
    std::cout << "{\"url\":\"" << url << "\"}" << std::endl;
  else
    std::cout << "echelon simulate listening on " << url << std::endl;
  context.run();
  return 0;
}

} // namespace echelon::providers
