#include "cli/http_client.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include <algorithm>
#include <array>
#include <exception>
#include <stdexcept>
#include <unistd.h>

namespace echelon::cli {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

namespace {

std::string lower(std::string_view x) {
  std::string result{x};
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

} // namespace

server_address split_url(const std::string& url) {
  constexpr std::string_view scheme = "http://";
  if (url.rfind(scheme, 0) != 0)
    throw std::runtime_error("--url must start with http://, such as http://127.0.0.1:8080, not '"
                             + url + "'");
  auto rest = url.substr(scheme.size());
  rest = rest.substr(0, rest.find('/'));
  const auto colon = rest.rfind(':');
  const bool has_port = colon != std::string::npos && rest.find(']', colon) == std::string::npos;
  server_address x{has_port ? rest.substr(0, colon) : rest,
                   has_port ? rest.substr(colon + 1) : "80"};
  if (x.host.size() > 2 && x.host.front() == '[') x.host = x.host.substr(1, x.host.size() - 2);
  return x;
}

std::string http_answer::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (key == name) return value;
  return {};
}

namespace {

using pieces = std::function<void(std::string_view)>;

asio::awaitable<http_answer> exchange(beast::tcp_stream& stream, server_address where,
                                      const http::request<http::string_body>& message,
                                      const pieces& on_piece) {
  asio::ip::tcp::resolver resolver{stream.get_executor()};
  const auto found = co_await resolver.async_resolve(where.host, where.port, asio::use_awaitable);
  co_await stream.async_connect(found, asio::use_awaitable);
  co_await http::async_write(stream, message, asio::use_awaitable);
  beast::flat_buffer buffer;
  http::response_parser<http::buffer_body> parser;
  parser.body_limit(boost::none);
  co_await http::async_read_header(stream, buffer, parser, asio::use_awaitable);
  http_answer answer;
  answer.status = static_cast<int>(parser.get().result_int());
  for (const auto& x : parser.get())
    answer.headers.emplace_back(lower({x.name_string().data(), x.name_string().size()}),
                                std::string{x.value().data(), x.value().size()});
  std::array<char, 16384> chunk{};
  while (!parser.is_done()) {
    parser.get().body().data = chunk.data();
    parser.get().body().size = chunk.size();
    beast::error_code error;
    co_await http::async_read_some(stream, buffer, parser,
                                   asio::redirect_error(asio::use_awaitable, error));
    if (error == http::error::need_buffer) error = {};
    if (error) throw beast::system_error{error};
    const std::string_view piece{chunk.data(), chunk.size() - parser.get().body().size};
    if (on_piece && answer.status == 200)
      on_piece(piece);
    else
      answer.body += piece;
  }
  co_return answer;
}

} // namespace

http_answer request(const std::string& url, const std::string& method, const std::string& path,
                    const std::vector<std::pair<std::string, std::string>>& headers,
                    const std::string& body, const pieces& on_piece, int wake) {
  const auto where = split_url(url);
  http::request<http::string_body> message;
  message.method_string(method);
  message.target(path);
  message.version(11);
  message.set(http::field::host, where.host + ':' + where.port);
  message.set(http::field::connection, "close");
  for (const auto& [name, value] : headers)
    message.set(name, value);
  message.body() = body;
  message.prepare_payload();

  asio::io_context io{1};
  beast::tcp_stream stream{io};
  http_answer answer;
  std::exception_ptr failed;
  bool given_up = false;
  asio::posix::stream_descriptor bell{io};
  if (wake >= 0) {
    bell.assign(::dup(wake));
    bell.async_wait(asio::posix::descriptor_base::wait_read, [&](const beast::error_code& error) {
      if (error) return;
      given_up = true;
      stream.close();
    });
  }
  asio::co_spawn(io, exchange(stream, where, message, on_piece),
                 [&](const std::exception_ptr& error, http_answer got) {
                   failed = error;
                   answer = std::move(got);
                   beast::error_code ignored;
                   bell.close(ignored);
                 });
  io.run();
  if (given_up) throw request_given_up{};
  try {
    if (failed) std::rethrow_exception(failed);
  } catch (const beast::system_error& error) {
    throw std::runtime_error("cannot reach " + url + ": " + error.code().message()
                             + ". Is `echelon serve` running there?");
  }
  return answer;
}

} // namespace echelon::cli
