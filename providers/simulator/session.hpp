/// One client's connection to the simulator server.
#pragma once

#include "providers/simulator/engine.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include <memory>
#include <optional>
#include <string_view>

namespace echelon::providers {

/// Owned by shared_ptr; runs on the executor of its socket, which must be a strand or one thread.
class simulator_session : public std::enable_shared_from_this<simulator_session> {
public:
  simulator_session(boost::asio::ip::tcp::socket socket, std::shared_ptr<simulator_engine> engine)
      : socket_(std::move(socket)), engine_(std::move(engine)) {}

  /// Serves requests until the connection ends.
  [[nodiscard]] boost::asio::awaitable<void> run();
  [[nodiscard]] boost::asio::any_io_executor executor() { return socket_.get_executor(); }
  /// Closes the connection. From any thread.
  void stop();

private:
  enum class next { keep, close };

  boost::asio::awaitable<std::optional<http_request>> receive(bool& keep_alive);
  boost::asio::awaitable<next> play(simulated_answer& answer, bool keep_alive);
  /// Completes when the client has left.
  boost::asio::awaitable<void> watch();
  boost::asio::awaitable<void> pause(std::chrono::nanoseconds delay);
  /// False if the client is gone.
  boost::asio::awaitable<bool> send(std::string_view bytes);
  void reset();

  boost::asio::ip::tcp::socket socket_;
  std::shared_ptr<simulator_engine> engine_;
  boost::beast::flat_buffer buffer_;
};

} // namespace echelon::providers
