#include "gateway/connection.hpp"

#include "providers/crowd.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/status.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>

namespace echelon::gateway {

namespace asio = boost::asio;
namespace beast = boost::beast;

namespace {

std::string head(const connection& to, int status, const header_fields& headers) {
  const auto reason = beast::http::obsolete_reason(static_cast<beast::http::status>(status));
  std::string text;
  text.reserve(512);
  text.append("HTTP/1.1 ").append(std::to_string(status)).append(" ");
  text.append(reason.data(), reason.size()).append("\r\n");
  for (const auto& [name, value] : headers) {
    text.append(name).append(": ").append(value);
    // Left out: a header ends at its line's end.
    const auto begin = text.end() - static_cast<std::ptrdiff_t>(value.size());
    const auto is_break = [](char c) { return c == '\r' || c == '\n'; };
    text.erase(std::remove_if(begin, text.end(), is_break), text.end());
    text.append("\r\n");
  }
  text += to.keep_alive ? "Connection: keep-alive\r\n" : "Connection: close\r\n";
  return text;
}

/// All of it; only what the kernel does not take at once needs a time limit.
asio::awaitable<void> send(connection& to, std::array<asio::const_buffer, 2> parts) {
  if (to.stream.send_at_once(parts)) co_return;
  to.stream.expires_after(to.write_limit);
  co_await asio::async_write(to.stream, parts, asio::use_awaitable);
  to.stream.expires_never();
}

std::string frame(const connection& to, std::string data) {
  if (!to.chunked || data.empty()) return data;
  return fmt::format("{:x}\r\n", data.size()) + data + "\r\n";
}

} // namespace

asio::awaitable<void> write_answer(connection& to, int status, std::string_view content_type,
                                   const header_fields& headers, std::string_view body) {
  auto text = head(to, status, headers);
  text.append("Content-Type: ").append(content_type).append("\r\nContent-Length: ");
  text.append(std::to_string(body.size())).append("\r\n\r\n");
  to.head_sent = true;
  to.status = status;
  if (to.on_status) to.on_status();
  if (to.bodiless) body = {};
  to.sent += body.size();
  const std::array<asio::const_buffer, 2> parts{asio::buffer(text), asio::buffer(body)};
  if (providers::crowd_member::crowded())
    co_await asio::post(to.stream.get_executor(), asio::use_awaitable);
  co_await send(to, parts);
}

asio::awaitable<void> begin_stream(connection& to, const header_fields& headers,
                                   std::string first) {
  to.chunked = !to.http_1_0;
  if (!to.chunked) to.keep_alive = false;
  auto text = head(to, 200, headers);
  text += "Content-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\n"
          "X-Accel-Buffering: no\r\n";
  if (to.chunked) text += "Transfer-Encoding: chunked\r\n";
  text += "\r\n";
  to.sent += first.size();
  text += frame(to, std::move(first));
  to.head_sent = true;
  to.status = 200;
  if (to.on_status) to.on_status();
  const std::array<asio::const_buffer, 2> parts{asio::buffer(text), asio::const_buffer{}};
  co_await send(to, parts);
}

asio::awaitable<void> write_events(connection& to, std::string events) {
  if (events.empty()) co_return;
  to.sent += events.size();
  const auto text = frame(to, std::move(events));
  const std::array<asio::const_buffer, 2> parts{asio::buffer(text), asio::const_buffer{}};
  co_await send(to, parts);
}

asio::awaitable<void> end_stream(connection& to, std::string last) {
  to.sent += last.size();
  auto text = frame(to, std::move(last));
  if (to.chunked) text += "0\r\n\r\n";
  if (text.empty()) co_return;
  const std::array<asio::const_buffer, 2> parts{asio::buffer(text), asio::const_buffer{}};
  co_await send(to, parts);
}

} // namespace echelon::gateway
