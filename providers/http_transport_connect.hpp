/// Finds the addresses of an origin and connects to the first that answers.
#pragma once

#include "providers/http_transport_lookup.hpp"
#include "providers/http_transport_origin.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <memory>
#include <optional>
#include <vector>

namespace echelon::providers {

/// One attempt to connect. Addresses are tried in turn, families alternating, each new one after
/// 250 ms or as soon as the one before failed; the first that connects wins (RFC 8305).
class http_connect : public std::enable_shared_from_this<http_connect> {
public:
  using tcp = boost::asio::ip::tcp;

  /// `prefer`: family that worked last for this origin, tried first.
  http_connect(boost::asio::any_io_executor executor, http_origin origin, std::optional<tcp> prefer,
               std::shared_ptr<name_lookup> names);

  /// Resolves and connects. To be called once.
  /// @returns The socket, or the error of the last address. Ends at once after abort().
  [[nodiscard]] boost::asio::awaitable<boost::system::error_code> run();

  /// The same with the addresses given, in this order.
  [[nodiscard]] boost::asio::awaitable<boost::system::error_code>
  run(std::vector<tcp::endpoint> addresses);

  /// The winner; open only after run() returned no error.
  tcp::socket socket;

  /// Ends run() with operation_aborted. Safe at any time.
  void abort();

private:
  boost::asio::awaitable<boost::system::error_code> finished();
  void resolved(const boost::system::error_code& ec, const name_lookup::addresses& found);
  void try_next();
  void tried(std::size_t index, const boost::system::error_code& ec);
  void end(const boost::system::error_code& ec);
  /// Keeps `ec` as what is told if no address answers, unless what is known says more.
  void note(const boost::system::error_code& ec);

  boost::asio::any_io_executor executor_;
  http_origin origin_;
  std::optional<tcp> prefer_;
  std::shared_ptr<name_lookup> names_;
  boost::asio::steady_timer stagger_;
  boost::asio::steady_timer done_; ///< Cancelled when the outcome is known.
  std::vector<tcp::endpoint> todo_;
  std::vector<std::unique_ptr<tcp::socket>> tries_; ///< One per started address, in order.
  std::size_t pending_ = 0;
  bool ended_ = false;
  boost::system::error_code last_;
};

} // namespace echelon::providers
