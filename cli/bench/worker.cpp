#include "cli/bench/worker.hpp"

#include "cli/bench/stream_reader.hpp"
#include "providers/send_at_once.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>

#include <nlohmann/json.hpp>

#include <array>

namespace echelon::cli {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using clock = course::clock;

namespace {

constexpr std::size_t most_text = 200;

/// Of an error answer in OpenAI's or Anthropic's shape, or of any other.
void read_error(const std::string& body, outcome& x) {
  x.failure = std::to_string(x.status);
  x.text = body.substr(0, most_text);
  const auto json = nlohmann::json::parse(body, nullptr, false);
  if (!json.is_object() || !json.contains("error") || !json["error"].is_object()) return;
  const auto& error = json["error"];
  const auto text_of = [&](const char* name) {
    const auto found = error.find(name);
    return found != error.end() && found->is_string() ? found->get<std::string>() : std::string{};
  };
  const auto code = text_of("code").empty() ? text_of("type") : text_of("code");
  if (!code.empty()) x.failure += ' ' + code;
  if (const auto message = text_of("message"); !message.empty())
    x.text = message.substr(0, most_text);
}

} // namespace

asio::awaitable<void> worker::run() {
  for (;;) {
    outcome x;
    const bool mine = co_await wait_for_turn(x);
    if (!mine) break;
    x.sent = clock::now();
    x.first = x.due;
    if (x.sent >= x.due + of_.load.timeout) {
      x.failure = "timeout";
      x.text = "no connection was free in time";
      x.timed_out = true;
    } else {
      co_await exchange(x);
      limit_.set(clock::time_point::max());
    }
    x.ended = clock::now();
    of_.result.add(x);
    if (of_.load.told) of_.load.told(x);
    // Without a rate nothing else would keep a worker from failing again at once.
    if (of_.load.rate <= 0 && x.status == 0 && !x.timed_out) {
      error_code ignored;
      timer_.expires_after(std::chrono::milliseconds{100});
      co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
  }
  close();
  --of_.running;
}

asio::awaitable<bool> worker::wait_for_turn(outcome& x) {
  if (of_.load.rate <= 0) {
    x.due = clock::now();
    co_return x.due < of_.end;
  }
  const std::chrono::duration<double> after{static_cast<double>(of_.next++) / of_.load.rate};
  x.due = of_.start + std::chrono::round<clock::duration>(after);
  if (x.due >= of_.end) co_return false;
  timer_.expires_at(x.due);
  error_code ignored;
  co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  co_return x.due < of_.end;
}

asio::awaitable<void> worker::exchange(outcome& x) {
  limit_.set(x.due + of_.load.timeout);
  for (;;) {
    const bool reused = socket_.is_open();
    if (!reused) {
      const bool connected = co_await connect(x);
      if (!connected) co_return;
    }
    error_code error;
    std::array<asio::const_buffer, 1> request{asio::buffer(of_.load.request)};
    if (!providers::send_at_once(socket_, request))
      co_await asio::async_write(socket_, request,
                                 asio::redirect_error(asio::use_awaitable, error));
    parser reply;
    reply.body_limit(boost::none);
    while (!error && !reply.is_header_done())
      co_await advance(reply, error);
    if (error) {
      // A kept connection may be closed by the other side just when it is used again.
      const bool again = reused && !limit_.passed() && !reply.got_some();
      if (!again) fail(x, "no answer", error);
      close();
      if (!again) co_return;
      continue;
    }
    x.status = static_cast<int>(reply.get().result_int());
    co_await read_body(reply, x);
    if (!reply.is_done() || !reply.get().keep_alive()) close();
    co_return;
  }
}

asio::awaitable<bool> worker::connect(outcome& x) {
  error_code error;
  co_await asio::async_connect(socket_, of_.where,
                               asio::redirect_error(asio::use_awaitable, error));
  if (error) {
    fail(x, "no connection", error);
    close();
    co_return false;
  }
  socket_.set_option(asio::ip::tcp::no_delay{true}, error);
  co_return true;
}

asio::awaitable<void> worker::advance(parser& reply, error_code& error) {
  if (buffer_.size() > 0) {
    buffer_.consume(reply.put(buffer_.data(), error));
    if (error != http::error::need_more) co_return;
    error = {};
  }
  const auto n = co_await socket_.async_read_some(buffer_.prepare(16384),
                                                  asio::redirect_error(asio::use_awaitable, error));
  buffer_.commit(n);
  if (error != asio::error::eof) co_return;
  error = {};
  if (reply.got_some())
    reply.put_eof(error);
  else
    error = http::error::end_of_stream;
}

asio::awaitable<void> worker::read_body(parser& from, outcome& x) {
  const bool streamed = of_.load.stream && x.status == 200;
  stream_reader reader;
  std::string body;
  std::array<char, 16384> chunk;
  while (!from.is_done()) {
    from.get().body().data = chunk.data();
    from.get().body().size = chunk.size();
    error_code error;
    co_await advance(from, error);
    const std::string_view piece{chunk.data(), chunk.size() - from.get().body().size};
    if (streamed)
      reader.feed(piece, clock::now());
    else if ((x.status != 200 || !of_.load.expected.empty()) && body.size() < chunk.size())
      body += piece;
    if (error && error != http::error::need_buffer) {
      fail(x, "broken answer", error);
      break;
    }
  }
  x.events = reader.events();
  if (!x.failure.empty()) co_return;
  if (x.status != 200) {
    read_error(body, x);
  } else if (streamed) {
    x.text = reader.failure();
    if (!x.text.empty()) x.failure = "broken stream";
    if (reader.first()) x.first = *reader.first();
  } else if (body.find(of_.load.expected) == std::string::npos) {
    x.failure = "wrong answer";
    x.text = body.substr(0, most_text);
  }
}

void worker::fail(outcome& x, const char* kind, const error_code& why) {
  x.timed_out = limit_.passed();
  x.failure = x.timed_out ? "timeout" : kind;
  x.text = x.timed_out ? "no whole answer in time" : why.message();
}

void worker::close() {
  error_code ignored;
  socket_.close(ignored);
  buffer_.clear();
}

} // namespace echelon::cli
