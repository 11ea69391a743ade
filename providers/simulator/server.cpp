#include "providers/simulator/server.hpp"

#include "providers/simulator/session.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <mutex>
#include <set>

namespace echelon::providers {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

struct simulator_server::impl : std::enable_shared_from_this<impl> {
  impl(asio::io_context& io, const tcp::endpoint& endpoint, std::shared_ptr<simulator_engine> e)
      : context(io), acceptor(asio::make_strand(io)), engine(std::move(e)) {
    acceptor.open(endpoint.protocol());
    acceptor.set_option(tcp::acceptor::reuse_address{true});
    acceptor.bind(endpoint);
    acceptor.listen();
    port = acceptor.local_endpoint().port();
  }

  static asio::awaitable<void> accept(std::shared_ptr<impl> self) {
    while (self->acceptor.is_open()) {
      error_code ec;
      auto socket = co_await self->acceptor.async_accept(
          asio::make_strand(self->context), asio::redirect_error(asio::use_awaitable, ec));
      if (ec == asio::error::operation_aborted) break;
      if (ec) { // For instance out of descriptors: sessions must end first.
        asio::steady_timer timer{self->acceptor.get_executor(), std::chrono::milliseconds{50}};
        co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ec));
        continue;
      }
      self->serve(std::make_shared<simulator_session>(std::move(socket), self->engine));
    }
  }

  void serve(const std::shared_ptr<simulator_session>& session) {
    {
      const std::lock_guard lock{mutex};
      if (stopped) return;
      sessions.insert(session);
    }
    asio::co_spawn(session->executor(), session->run(),
                   [self = shared_from_this(), session](const std::exception_ptr&) {
                     const std::lock_guard lock{self->mutex};
                     self->sessions.erase(session);
                   });
  }

  void stop() {
    std::set<std::shared_ptr<simulator_session>> ending;
    {
      const std::lock_guard lock{mutex};
      if (std::exchange(stopped, true)) return;
      ending = sessions;
    }
    asio::post(acceptor.get_executor(), [self = shared_from_this()] {
      error_code ignored;
      self->acceptor.close(ignored);
    });
    for (const auto& session : ending)
      session->stop();
  }

  asio::io_context& context;
  tcp::acceptor acceptor;
  std::shared_ptr<simulator_engine> engine;
  std::uint16_t port = 0;
  std::mutex mutex;
  bool stopped = false;
  std::set<std::shared_ptr<simulator_session>> sessions;
};

simulator_server::simulator_server(asio::io_context& context, const tcp::endpoint& endpoint,
                                   std::shared_ptr<simulator_engine> engine)
    : impl_(std::make_shared<impl>(context, endpoint, std::move(engine))) {}

simulator_server::~simulator_server() {
  impl_->stop();
}

std::uint16_t simulator_server::port() const {
  return impl_->port;
}

void simulator_server::start() {
  asio::co_spawn(impl_->acceptor.get_executor(), impl::accept(impl_), asio::detached);
}

void simulator_server::stop() {
  impl_->stop();
}

} // namespace echelon::providers
