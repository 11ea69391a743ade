#include "providers/time_limit.hpp"

#include <boost/asio/steady_timer.hpp>

namespace echelon::providers {

namespace asio = boost::asio;

namespace {

constexpr auto again = std::chrono::milliseconds{100};

} // namespace

struct time_limit::state : std::enable_shared_from_this<time_limit::state> {
  explicit state(asio::ip::tcp::socket& x) : socket(x), timer(x.get_executor()) {}

  void wait_until(clock::time_point when) {
    waits_until = when;
    timer.expires_at(when);
    timer.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (!self || error) return;
      self->waits_until = clock::time_point::max();
      const auto now = clock::now();
      if (self->limit <= now) {
        self->passed = true;
        boost::system::error_code ignored;
        self->socket.cancel(ignored);
        self->wait_until(now + again); // For an operation that follows one that has just ended.
      } else if (self->limit != clock::time_point::max()) {
        self->wait_until(self->limit);
      }
    });
  }

  asio::ip::tcp::socket& socket;
  asio::steady_timer timer;
  clock::time_point limit = clock::time_point::max(), waits_until = clock::time_point::max();
  bool passed = false;
};

time_limit::time_limit(asio::ip::tcp::socket& socket) : state_(std::make_shared<state>(socket)) {}

time_limit::~time_limit() {
  state_->timer.cancel();
}

void time_limit::set(clock::time_point when) {
  state_->limit = when;
  state_->passed = false;
  if (when < state_->waits_until) state_->wait_until(when);
}

bool time_limit::passed() const {
  return state_->passed;
}

} // namespace echelon::providers
