#include "cluster/etcd_client.hpp"

#include "cluster/etcd_connection.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace echelon::cluster {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using asio::use_awaitable;

namespace {

// A watch that is silent for so long may have lost its way: etcd says nothing when nothing happens.
constexpr auto watch_patience = 20s;
constexpr auto watch_pause = 300ms;

} // namespace

class etcd_client::impl {
public:
  impl(etcd_client_settings settings, const etcd_range& watched, std::function<void()> wake)
      : settings_(std::move(settings)), wake_(std::move(wake)),
        tls_(etcd_tls(settings_.ca, settings_.cert, settings_.key)),
        watched_(encode_watch(watched)), leases_(io_), others_(io_) {
    for (auto* x : {&leases_, &others_})
      asio::co_spawn(io_, serve(*x), asio::detached);
    asio::co_spawn(io_, watch(), asio::detached);
    thread_ = std::thread{[this] { io_.run(); }};
  }
  ~impl() {
    io_.stop();
    thread_.join();
  }
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;

  void ask(etcd_call x) {
    asio::post(io_, [this, call = std::move(x)]() mutable {
      auto& to = call.what == etcd_call::kind::commit ? others_ : leases_;
      to.calls.push_back(std::move(call));
      to.arrived.cancel();
    });
  }

  news take() {
    const std::lock_guard guard{mutex_};
    return std::exchange(news_, {});
  }

private:
  struct lane {
    explicit lane(asio::io_context& io) : arrived(io, asio::steady_timer::time_point::max()) {}
    std::deque<etcd_call> calls;
    asio::steady_timer arrived; ///< Cancelled when there is a call.
  };

  asio::awaitable<void> serve(lane& of) {
    for (;;) {
      boost::system::error_code ignored;
      auto token = asio::redirect_error(use_awaitable, ignored);
      while (of.calls.empty())
        co_await of.arrived.async_wait(token);
      const auto call = std::move(of.calls.front());
      of.calls.pop_front();
      auto answer = co_await carry(call);
      {
        const std::lock_guard guard{mutex_};
        news_.answers.push_back(std::move(answer));
      }
      wake_();
    }
  }

  asio::awaitable<etcd_answer> carry(const etcd_call& x) {
    const auto at = next_;
    const auto& to = settings_.endpoints[at];
    etcd_answer answer;
    try {
      etcd_connection way{io_, tls_, to};
      const auto request = encode(x);
      co_await way.open(settings_.timeout);
      co_await way.post(request, settings_.timeout);
      const auto body = co_await way.read_all();
      answer = decode(x, way.status(), body);
    } catch (const std::exception& e) {
      answer = no_answer(x, e.what());
    }
    if (!answer.answered) {
      answer.why = to.url() + ": " + answer.why;
      leave(at);
    }
    co_return answer;
  }

  /// The next call goes to another one.
  void leave(std::size_t at) {
    if (next_ == at) next_ = (at + 1) % settings_.endpoints.size();
  }

  asio::awaitable<void> watch() {
    asio::steady_timer pause{io_};
    for (;;) {
      const auto at = next_;
      try {
        etcd_connection way{io_, tls_, settings_.endpoints[at]};
        co_await way.open(settings_.timeout);
        co_await way.post(watched_, settings_.timeout);
        tell_change(); // What came before it is watched is not told.
        for (;;) {
          const auto piece = co_await way.read_some(watch_patience);
          if (piece.empty()) break;
          tell_change();
        }
      } catch (const std::exception&) {
        leave(at); // Whoever asks meanwhile is told why.
      }
      pause.expires_after(watch_pause);
      co_await pause.async_wait(use_awaitable);
    }
  }

  void tell_change() {
    {
      const std::lock_guard guard{mutex_};
      news_.changed = true;
    }
    wake_();
  }

  const etcd_client_settings settings_;
  const std::function<void()> wake_;
  asio::ssl::context tls_;
  const etcd_request watched_;
  asio::io_context io_{1};
  lane leases_, others_;
  std::size_t next_ = 0; ///< Of the endpoints. The thread's own.
  std::mutex mutex_;
  news news_;
  std::thread thread_;
};

etcd_client::etcd_client(etcd_client_settings settings, const etcd_range& watched,
                         std::function<void()> wake)
    : impl_(std::make_unique<impl>(std::move(settings), watched, std::move(wake))) {}

etcd_client::~etcd_client() = default;

void etcd_client::check(const etcd_client_settings& settings) {
  static_cast<void>(etcd_tls(settings.ca, settings.cert, settings.key));
}

void etcd_client::ask(etcd_call x) {
  impl_->ask(std::move(x));
}

etcd_client::news etcd_client::take() {
  return impl_->take();
}

} // namespace echelon::cluster
