#include "gateway/departure_watch.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <sys/socket.h>

namespace echelon::gateway {

namespace asio = boost::asio;

namespace {

// While bytes of a client wait unread, nothing else tells that it leaves.
constexpr auto look_again = std::chrono::milliseconds{200};
constexpr auto patience = std::chrono::milliseconds{20};

/// The client has closed its side, though bytes before that may still be unread.
bool has_closed(int descriptor) {
  tcp_info info{};
  socklen_t size = sizeof info;
  return ::getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) == 0
         && info.tcpi_state != TCP_ESTABLISHED;
}

} // namespace

struct departure_watch::state {
  state(connection& x, std::function<void()> f) : of(&x), on_gone(std::move(f)) {}

  static void look_out(const std::shared_ptr<state>& x) {
    x->pause.emplace(x->of->stream.get_executor());
    wait(x);
  }
  void end() {
    stopped = true;
    if (!pause) return;
    pause->cancel();
    stop.emit(asio::cancellation_type::terminal);
  }

  connection* of;
  std::function<void()> on_gone;
  bool stopped = false;

private:
  static void wait(const std::shared_ptr<state>& x) {
    auto& socket = x->of->stream.socket();
    auto slot = x->stop.slot();
    socket.async_wait(asio::ip::tcp::socket::wait_read,
                      asio::bind_cancellation_slot(slot, [x](boost::system::error_code error) {
                        if (!x->stopped && !error) look(x);
                      }));
  }

  static void look(const std::shared_ptr<state>& x) {
    const auto descriptor = x->of->stream.socket().native_handle();
    char byte = 0;
    const auto n = ::recv(descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
      wait(x);
    } else if (n <= 0 || has_closed(descriptor)) {
      // A pipelined request or, in TLS, a farewell may stand before the end.
      x->on_gone();
    } else {
      x->pause->expires_after(look_again);
      x->pause->async_wait([x](boost::system::error_code error) {
        if (!x->stopped && !error) look(x);
      });
    }
  }

  std::optional<asio::steady_timer> pause; // Present: it looks out.
  asio::cancellation_signal stop;
};

namespace {

/// Watches of one reactor that do not look out yet; used on its thread alone.
class young_watches final : public asio::execution_context::service {
public:
  using watch = std::weak_ptr<departure_watch::state>;
  using key_type = young_watches;
  static inline asio::execution_context::id id;

  explicit young_watches(asio::execution_context& of)
      : asio::execution_context::service(of), tick_(static_cast<asio::io_context&>(of)) {}

  void add(watch x) {
    younger_.push_back(std::move(x));
    arm();
  }

private:
  void shutdown() noexcept override {
    younger_.clear();
    older_.clear();
  }

  void arm() {
    if (armed_) return;
    armed_ = true;
    tick_.expires_after(patience);
    tick_.async_wait([this](boost::system::error_code error) {
      armed_ = false;
      if (error) return;
      for (const auto& x : older_)
        if (const auto old = x.lock(); old && !old->stopped) departure_watch::state::look_out(old);
      older_.swap(younger_);
      younger_.clear();
      if (!older_.empty()) arm();
    });
  }

  asio::steady_timer tick_;
  std::vector<watch> younger_, older_; // Older: since the last tick but one.
  bool armed_ = false;
};

} // namespace

departure_watch::departure_watch(connection& of, std::function<void()> on_gone)
    : state_(std::make_shared<state>(of, std::move(on_gone))) {
  auto& reactor = asio::query(of.stream.get_executor(), asio::execution::context);
  asio::use_service<young_watches>(reactor).add(state_);
}

departure_watch::~departure_watch() {
  state_->end();
}

} // namespace echelon::gateway
