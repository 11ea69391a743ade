#include "cli/http_client.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include <algorithm>
#include <array>
#include <stdexcept>

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

http_answer request(const std::string& url, const std::string& method, const std::string& path,
                    const std::vector<std::pair<std::string, std::string>>& headers,
                    const std::string& body,
                    const std::function<void(std::string_view)>& on_piece) {
  const auto where = split_url(url);
  try {
    asio::io_context io;
    asio::ip::tcp::resolver resolver{io};
    beast::tcp_stream stream{io};
    stream.connect(resolver.resolve(where.host, where.port));
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
    http::write(stream, message);
    beast::flat_buffer buffer;
    http::response_parser<http::buffer_body> parser;
    parser.body_limit(boost::none);
    http::read_header(stream, buffer, parser);
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
      http::read_some(stream, buffer, parser, error);
      if (error == http::error::need_buffer) error = {};
      if (error) throw beast::system_error{error};
      const std::string_view piece{chunk.data(), chunk.size() - parser.get().body().size};
      if (on_piece && answer.status == 200)
        on_piece(piece);
      else
        answer.body += piece;
    }
    return answer;
  } catch (const beast::system_error& error) {
    throw std::runtime_error("cannot reach " + url + ": " + error.code().message()
                             + ". Is `echelon serve` running there?");
  }
}

} // namespace echelon::cli
