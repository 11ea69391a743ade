#include "providers/simulator/session.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http.hpp>

#include <charconv>

namespace echelon::providers {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

constexpr std::uint64_t body_limit = 268435456;

std::string head_text(const simulated_answer& answer, bool keep_alive) {
  auto out = "HTTP/1.1 " + std::to_string(answer.status) + ' '
             + std::string{http::obsolete_reason(
                 static_cast<http::status>(static_cast<unsigned>(answer.status)))}
             + "\r\n";
  for (const auto& [name, value] : answer.headers)
    out += name + ": " + value + "\r\n";
  out += answer.stream ? "transfer-encoding: chunked\r\n"
                       : "content-length: " + std::to_string(answer.length) + "\r\n";
  if (!keep_alive) out += "connection: close\r\n";
  return out + "\r\n";
}

std::string chunk_text(const std::string& bytes) {
  if (bytes.empty()) return {};
  char size[20];
  const auto end = std::to_chars(size, size + sizeof size, bytes.size(), 16).ptr;
  return std::string{size, end} + "\r\n" + bytes + "\r\n";
}

} // namespace

asio::awaitable<void> simulator_session::run() {
  using namespace asio::experimental::awaitable_operators;
  const auto self = shared_from_this();
  error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay{true}, ignored);
  for (;;) {
    bool keep_alive = false;
    auto request = co_await receive(keep_alive);
    if (!request) break;
    auto answer = engine_->plan(*request);
    request.reset();
    const auto outcome = co_await (play(answer, keep_alive) || watch());
    if (outcome.index() == 1 || std::get<0>(outcome) == next::close) break;
  }
  socket_.close(ignored);
}

void simulator_session::stop() {
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    error_code ignored;
    self->socket_.close(ignored);
  });
}

asio::awaitable<std::optional<http_request>> simulator_session::receive(bool& keep_alive) {
  http::request_parser<http::string_body> parser;
  parser.header_limit(65536);
  parser.body_limit(body_limit);
  error_code ec;
  co_await http::async_read_header(socket_, buffer_, parser,
                                   asio::redirect_error(asio::use_awaitable, ec));
  if (!ec && boost::beast::iequals(parser.get()[http::field::expect], "100-continue"))
    co_await send("HTTP/1.1 100 Continue\r\n\r\n");
  if (!ec)
    co_await http::async_read(socket_, buffer_, parser,
                              asio::redirect_error(asio::use_awaitable, ec));
  if (ec) {
    if (ec.category() == http::make_error_code(http::error::bad_method).category()
        && ec != http::error::end_of_stream && ec != http::error::partial_message)
      co_await send("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    co_return std::nullopt;
  }
  auto message = parser.release();
  keep_alive = message.keep_alive();
  http_request out;
  out.method = message.method_string();
  out.target = message.target();
  for (const auto& field : message)
    out.headers.emplace_back(std::string{field.name_string()}, std::string{field.value()});
  out.body = std::move(message.body());
  co_return out;
}

asio::awaitable<simulator_session::next> simulator_session::play(simulated_answer& answer,
                                                                 bool keep_alive) {
  co_await pause(answer.latency);
  const auto ending = answer.ending;
  if (ending == script_ending::hang) co_await pause(std::chrono::nanoseconds::max());
  if (ending == script_ending::drop_cut || ending == script_ending::drop_close) {
    answer.ticket.release();
    if (ending == script_ending::drop_cut) reset();
    co_return next::close;
  }
  auto pending = head_text(answer, keep_alive);
  for (std::size_t i = 0; i < answer.pieces.size(); ++i) {
    auto& piece = answer.pieces[i];
    if (piece.delay.count() > 0 && !pending.empty()) {
      if (!co_await send(pending)) co_return next::close;
      pending.clear();
    }
    co_await pause(piece.delay);
    pending += answer.stream ? chunk_text(piece.bytes) : piece.bytes;
    piece.bytes = {};
    if (i + 1 == answer.pieces.size()) break;
    if (!co_await send(pending)) co_return next::close;
    pending.clear();
  }
  if (answer.stream && ending == script_ending::complete) pending += "0\r\n\r\n";
  // Before the end is sent: who has read it may call again at once.
  if (ending != script_ending::stall) answer.ticket.release();
  if (!co_await send(pending)) co_return next::close;
  if (ending == script_ending::stall) co_await pause(std::chrono::nanoseconds::max());
  if (ending == script_ending::cut) reset();
  co_return ending == script_ending::complete&& keep_alive ? next::keep : next::close;
}

asio::awaitable<void> simulator_session::watch() {
  error_code ec;
  while (!ec) {
    co_await socket_.async_wait(asio::ip::tcp::socket::wait_read,
                                asio::redirect_error(asio::use_awaitable, ec));
    if (ec) break;
    const auto here = socket_.available(ec);
    if (ec || here == 0) break;
    // The next request is here already; it waits for its turn, and its end cannot be seen.
    co_await pause(std::chrono::nanoseconds::max());
  }
}

asio::awaitable<void> simulator_session::pause(std::chrono::nanoseconds delay) {
  if (delay.count() <= 0) co_return;
  asio::steady_timer timer{socket_.get_executor()};
  if (delay == std::chrono::nanoseconds::max())
    timer.expires_at(asio::steady_timer::time_point::max());
  else
    timer.expires_after(delay);
  error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

asio::awaitable<bool> simulator_session::send(std::string_view bytes) {
  error_code ec;
  co_await asio::async_write(socket_, asio::buffer(bytes),
                             asio::redirect_error(asio::use_awaitable, ec));
  co_return !ec;
}

void simulator_session::reset() {
  error_code ignored;
  socket_.set_option(asio::socket_base::linger{true, 0}, ignored);
  socket_.close(ignored);
}

} // namespace echelon::providers
