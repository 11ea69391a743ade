#include "gateway/client_stream.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace echelon::gateway {

namespace asio = boost::asio;

asio::awaitable<void> client_stream::handshake() {
  if (tls_) co_await tls_->async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
}

asio::awaitable<void> client_stream::end_output() {
  boost::system::error_code ignored;
  if (tls_) {
    expires_after(std::chrono::seconds{1});
    // Sends our farewell and waits for the client's.
    co_await tls_->async_shutdown(asio::redirect_error(asio::use_awaitable, ignored));
  }
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
}

} // namespace echelon::gateway
