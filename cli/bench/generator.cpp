#include "cli/bench/generator.hpp"

#include "cli/bench/worker.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <algorithm>
#include <csignal>
#include <deque>
#include <stdexcept>

namespace echelon::cli {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

/// The addresses of the router, one that accepts connections first.
std::vector<asio::ip::tcp::endpoint> look_up(asio::io_context& io, const offered_load& load) {
  try {
    asio::ip::tcp::socket probe{io};
    asio::ip::tcp::resolver resolver{io};
    return {asio::connect(probe, resolver.resolve(load.host, load.port))};
  } catch (const boost::system::system_error& error) {
    throw std::runtime_error("cannot reach " + load.url + ": " + error.code().message()
                             + ". Is `echelon serve` running there?");
  }
}

} // namespace

tally offer(const offered_load& load) {
  asio::io_context io{1};
  course of{load, look_up(io, load), {}, {}, 0, load.connections, {}};
  of.start = course::clock::now();
  of.end = of.start + load.length;
  std::deque<worker> workers;
  asio::signal_set signals{io, SIGINT, SIGTERM};
  signals.async_wait([&](const error_code& error, int) {
    if (error) return;
    of.end = std::min(of.end, course::clock::now());
    for (auto& x : workers)
      x.hurry();
    signals.clear();
  });
  for (std::size_t i = 0; i < load.connections; ++i)
    asio::co_spawn(io, workers.emplace_back(io, of).run(), [&](const std::exception_ptr& error) {
      if (error) std::rethrow_exception(error);
      if (of.running == 0) io.stop(); // Time limits may still stand.
    });
  io.run();
  of.result.took = std::max(of.end, course::clock::now()) - of.start;
  return std::move(of.result);
}

} // namespace echelon::cli
