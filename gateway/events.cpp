#include "gateway/events.hpp"

#include "gateway/departure_watch.hpp"
#include "gateway/stream_writer.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <iterator>
#include <memory>

namespace echelon::gateway {

namespace asio = boost::asio;

namespace {

constexpr std::size_t most_waiting = 1 << 20; // Bytes.

/// Wakes the writer; what is posted to it may come after it has ended.
struct bell {
  explicit bell(const asio::any_io_executor& on) : timer(on) {
    timer.expires_at(asio::steady_timer::time_point::max());
  }
  void ring() {
    rung = true;
    timer.cancel();
  }
  asio::steady_timer timer;
  bool rung = false;
};

std::string hello(const engine::router& of) {
  const auto now = of.current();
  const nlohmann::json data{{"version", ECHELON_VERSION},
                            {"config_version", now->version},
                            {"draining", of.draining.load()}};
  return "event: hello\ndata: " + data.dump() + "\n\n";
}

std::string text_of(const std::vector<engine::event_ptr>& events, std::uint64_t dropped) {
  std::string text;
  for (const auto& x : events)
    fmt::format_to(std::back_inserter(text), "id: {}\nevent: {}\ndata: {}\n\n", x->id, x->kind,
                   x->data);
  if (dropped > 0)
    fmt::format_to(std::back_inserter(text), "event: dropped\ndata: {{\"count\":{}}}\n\n", dropped);
  return text;
}

} // namespace

asio::awaitable<void> serve_events(engine::router& of, connection& client) {
  const asio::any_io_executor executor = client.stream.get_executor();
  const auto wake = std::make_shared<bell>(executor);
  bool gone = false;
  engine::event_hub::listener listener{of.events(), most_waiting, [executor, wake] {
                                         asio::post(executor, [wake] { wake->ring(); });
                                       }};
  stream_writer out{client};
  const departure_watch watch{client, [&gone, wake] {
                                gone = true;
                                wake->ring();
                              }};
  const header_fields none;
  client.keep_alive = false;
  auto first = hello(of);
  try {
    co_await out.begin(none, std::move(first));
    boost::system::error_code ignored;
    while (!gone && client.stream.socket().is_open()) {
      std::uint64_t dropped = 0;
      wake->rung = false;
      const auto events = listener.take(dropped);
      auto text = text_of(events, dropped);
      if (!text.empty()) {
        co_await out.write(std::move(text));
      } else if (!wake->rung) {
        // A server that ends closes our socket without a word.
        if (of.draining)
          wake->timer.expires_after(std::chrono::milliseconds{100});
        else
          wake->timer.expires_at(asio::steady_timer::time_point::max());
        co_await wake->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
      }
    }
  } catch (const boost::system::system_error&) {
    // The client has left while something was written to it.
  }
  co_await out.stop();
}

} // namespace echelon::gateway
