#include "gateway/stream_writer.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>

namespace echelon::gateway {

namespace asio = boost::asio;

namespace {

/// How long a stream may be silent before a comment is sent. Tests set it lower.
std::chrono::milliseconds silence() {
  static const auto value = [] {
    int ms = 15000;
    if (const auto* text = std::getenv("ECHELON_TEST_SILENCE_MS"); text != nullptr)
      std::from_chars(text, text + std::strlen(text), ms);
    return std::chrono::milliseconds{std::max(ms, 1)};
  }();
  return value;
}

} // namespace

struct stream_writer::state {
  explicit state(connection& x)
      : to(&x), alarm(x.stream.get_executor()), idle(x.stream.get_executor()) {
    idle.expires_at(asio::steady_timer::time_point::max());
  }
  connection* to;
  asio::steady_timer alarm; // Next comment.
  asio::steady_timer idle;  // Cancelled when a comment is out.
  bool stopped = false;
  bool writing = false; // A comment.
  bool busy = false;    // An event: a slow client may hold it longer than a silence lasts.
};

stream_writer::stream_writer(connection& to) : to_(to) {}

stream_writer::~stream_writer() {
  if (!state_) return;
  state_->stopped = true;
  state_->alarm.cancel();
}

bool stream_writer::begun() const {
  return state_ != nullptr;
}

asio::awaitable<void> stream_writer::bridge_silences(std::shared_ptr<state> x) {
  boost::system::error_code moved;
  while (!x->stopped) {
    co_await x->alarm.async_wait(asio::redirect_error(asio::use_awaitable, moved));
    if (x->stopped) break;
    if (moved || x->busy) continue; // An event goes out: the alarm is set anew after it.
    x->writing = true;
    try {
      co_await write_events(*x->to, ": keep-alive\n\n");
    } catch (const boost::system::system_error&) {
      x->stopped = true; // The next event meets the same error and reports it.
    }
    x->writing = false;
    x->alarm.expires_after(silence());
    x->idle.cancel();
  }
}

/// Waits until no comment is being written.
asio::awaitable<void> stream_writer::quiet() {
  boost::system::error_code ignored;
  while (state_->writing)
    co_await state_->idle.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

asio::awaitable<void> stream_writer::begin(const header_fields& headers, std::string first) {
  state_ = std::make_shared<state>(to_);
  co_await begin_stream(*state_->to, headers, std::move(first));
  state_->alarm.expires_after(silence());
  asio::co_spawn(state_->to->stream.get_executor(), bridge_silences(state_), asio::detached);
}

asio::awaitable<void> stream_writer::write(std::string events) {
  if (events.empty()) co_return;
  co_await quiet();
  state_->busy = true;
  state_->alarm.expires_at(asio::steady_timer::time_point::max());
  co_await write_events(*state_->to, std::move(events));
  state_->busy = false;
  state_->alarm.expires_after(silence());
}

asio::awaitable<void> stream_writer::stop() {
  if (!state_) co_return;
  state_->stopped = true;
  state_->alarm.cancel();
  co_await quiet();
}

asio::awaitable<void> stream_writer::end(std::string last) {
  co_await stop();
  co_await end_stream(to_, std::move(last));
}

} // namespace echelon::gateway
