#include "gateway/session.hpp"

#include "gateway/auth.hpp"
#include "gateway/call.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <random>

namespace echelon::gateway {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

constexpr std::uint32_t header_limit = 64 * 1024;

std::string_view field(const http_message& m, std::string_view name) {
  const auto x = m[boost::beast::string_view{name.data(), name.size()}];
  return {x.data(), x.size()};
}

const front* front_of(std::string_view path) {
  if (path == "/v1/chat/completions") return &openai_chat_front();
  if (path == "/v1/embeddings") return &openai_embeddings_front();
  if (path == "/v1/responses") return &openai_responses_front();
  if (path == "/v1/messages") return &anthropic_messages_front();
  return nullptr;
}

std::string new_request_id() {
  thread_local std::mt19937_64 random{std::random_device{}()};
  return fmt::format("req_{:016x}{:08x}", random(), static_cast<std::uint32_t>(random()));
}

/// The client's own id if it is harmless, else a new one.
std::string request_id(const http_message& m) {
  const auto given = field(m, "x-request-id");
  const auto fine = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'
           || c == '_' || c == '.' || c == ':';
  };
  if (given.empty() || given.size() > 128 || !std::all_of(given.begin(), given.end(), fine))
    return new_request_id();
  return std::string{given};
}

std::optional<std::int64_t> whole_number(std::string_view x) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(x.data(), x.data() + x.size(), value);
  if (error != std::errc{} || end != x.data() + x.size()) return std::nullopt;
  return value;
}

std::vector<std::string> list_of(std::string_view text) {
  std::vector<std::string> found;
  while (!text.empty()) {
    const auto comma = text.find(',');
    auto item = text.substr(0, comma);
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
    while (!item.empty() && item.front() == ' ')
      item.remove_prefix(1);
    while (!item.empty() && item.back() == ' ')
      item.remove_suffix(1);
    if (!item.empty()) found.emplace_back(item);
  }
  return found;
}

/// Reads our request headers. @returns An error that names the header at fault.
std::optional<api_error> read_options(const http_message& m, call_options& out) {
  const auto wrong = [](std::string_view name, std::string_view what) {
    return api_error{400, fmt::format("Header {} must be {}.", name, what), "invalid_request_error",
                     "invalid_header", std::string{name}};
  };
  out.request_id = request_id(m);
  out.fallback_groups = list_of(field(m, "x-echelon-fallback-groups"));
  if (out.fallback_groups.size() > 32)
    return wrong("x-echelon-fallback-groups", "at most 32 names");
  if (m.find("x-echelon-priority") != m.end()) {
    const auto value = whole_number(field(m, "x-echelon-priority"));
    if (!value || *value < 0 || *value > 9)
      return wrong("x-echelon-priority", "a number from 0 to 9");
    out.priority = static_cast<std::uint8_t>(*value);
  }
  if (m.find("x-echelon-timeout-ms") != m.end()) {
    const auto value = whole_number(field(m, "x-echelon-timeout-ms"));
    if (!value || *value < 1 || *value > 86'400'000)
      return wrong("x-echelon-timeout-ms", "a number of milliseconds from 1 to 86400000");
    out.timeout = std::chrono::milliseconds{*value};
  }
  return std::nullopt;
}

asio::awaitable<void> refuse(connection& client, const front& api, api_error error,
                             header_fields more) {
  const auto id = new_request_id();
  more.emplace_back("x-request-id", id);
  const auto body = api.error_body(error, id);
  co_await write_answer(client, error.status, "application/json", more, body);
}

/// Errors known from the head alone, before a byte of the body is taken.
std::optional<api_error> refuse_head(const config::auth_config& auth, const http_message& m,
                                     std::uint64_t max_body, std::optional<std::uint64_t> length) {
  if (!client_allowed(auth, presented_key(field(m, "authorization"), field(m, "x-api-key"))))
    return api_error{401, "Missing or unknown API key. Send it as Authorization: Bearer KEY.",
                     "invalid_request_error", "invalid_api_key", ""};
  if (length && *length > max_body)
    return api_error{
        413, fmt::format("The body is larger than {} bytes (server.max_body_bytes).", max_body),
        "invalid_request_error", "request_too_large", ""};
  return std::nullopt;
}

asio::awaitable<void> serve_api(router& of, providers::transport& upstreams, connection& client,
                                const front& api, const http_message& message) {
  front_request request;
  call_options options;
  options.client_key = presented_key(field(message, "authorization"), field(message, "x-api-key"));
  if (of.draining) {
    client.keep_alive = false;
    const api_error draining{503, "The router is shutting down.", "server_error", "draining", ""};
    header_fields more;
    more.emplace_back("Retry-After", "1");
    co_await refuse(client, api, draining, std::move(more));
    co_return;
  }
  auto error = read_options(message, options);
  if (!error) error = api.read(message.body(), request);
  if (request.canonical.native) request.canonical.native->beta = field(message, "anthropic-beta");
  if (error) {
    co_await refuse(client, api, std::move(*error), header_fields());
    co_return;
  }
  ++of.served;
  ++of.in_flight;
  struct leave {
    router& of;
    ~leave() { --of.in_flight; }
  } const guard{of};
  call served{of, upstreams, client, api, std::move(request), std::move(options)};
  co_await served.run();
}

/// A request that cannot be read: says so where that is possible. The connection closes.
asio::awaitable<void> refuse_broken(connection& client, const error_code& error,
                                    std::uint64_t max_body) {
  client.keep_alive = false;
  if (error == http::error::end_of_stream || error == asio::error::operation_aborted
      || error == asio::error::connection_reset || error == asio::error::eof
      || error == http::error::partial_message)
    co_return;
  api_error answer{400, "The request is not valid HTTP: " + error.message() + ".",
                   "invalid_request_error", "bad_request", ""};
  if (error == boost::beast::error::timeout)
    answer = {408, "The request took too long to arrive.", "invalid_request_error",
              "request_timeout", ""};
  if (error == http::error::body_limit)
    answer = {413,
              fmt::format("The body is larger than {} bytes (server.max_body_bytes).", max_body),
              "invalid_request_error", "request_too_large", ""};
  if (error == http::error::header_limit)
    answer = {431, "The request's head is too large.", "invalid_request_error", "headers_too_large",
              ""};
  co_await refuse(client, openai_chat_front(), std::move(answer), header_fields());
}

/// Lets the client take the answer to a request whose body we will not read, then closes.
asio::awaitable<void> linger(connection& client) {
  error_code ignored;
  client.stream.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  client.stream.expires_after(std::chrono::seconds{2});
  std::array<char, 16384> sink{};
  while (!ignored)
    co_await client.stream.async_read_some(asio::buffer(sink),
                                           asio::redirect_error(asio::use_awaitable, ignored));
}

asio::awaitable<bool> serve_one(router& of, providers::transport& upstreams, connection& client) {
  const auto now = of.current();
  const auto& server = now->config->server;
  http::request_parser<http::string_body> parser;
  parser.header_limit(header_limit);
  parser.body_limit(server.max_body_bytes);
  error_code error;
  client.head_sent = client.chunked = client.http_1_0 = false;
  client.keep_alive = true;
  client.stream.expires_after(server.header_timeout);
  co_await http::async_read_header(client.stream, client.buffer, parser,
                                   asio::redirect_error(asio::use_awaitable, error));
  if (error) {
    // An idle connection is closed without a word.
    if (error == boost::beast::error::timeout && client.buffer.size() == 0 && !parser.got_some())
      co_return false;
    co_await refuse_broken(client, error, server.max_body_bytes);
    if (client.head_sent) co_await linger(client);
    co_return false;
  }
  const auto& head = parser.get();
  client.http_1_0 = head.version() < 11;
  client.keep_alive = parser.keep_alive() && !of.draining;
  const std::string path{head.target().data(), head.target().size()};
  const auto bare = path.substr(0, path.find('?'));
  const auto* api = front_of(bare);
  const bool post = head.method() == http::verb::post;
  std::optional<api_error> refused;
  if (api != nullptr && !post) {
    refused = {405, "Use POST.", "invalid_request_error", "method_not_allowed", ""};
  } else if (api != nullptr) {
    std::optional<std::uint64_t> length;
    if (const auto n = parser.content_length()) length = *n;
    // Keys as they are now: the connection may have idled through a reload.
    refused = refuse_head(of.current()->config->auth, head, server.max_body_bytes, length);
  }
  // Framing that two readers could understand differently (RFC 9112, 6.1) is refused.
  const auto coding = field(head, "transfer-encoding");
  if (head.count(http::field::transfer_encoding) > 1
      || (!coding.empty() && !boost::beast::iequals(coding, "chunked")))
    refused = {400, "Only Transfer-Encoding: chunked is understood.", "invalid_request_error",
               "bad_request", ""};
  const auto expect = field(head, "expect");
  const bool waits = boost::beast::iequals(boost::beast::string_view{expect.data(), expect.size()},
                                           "100-continue");
  if (!expect.empty() && !waits)
    refused = {417, "Only Expect: 100-continue is understood.", "invalid_request_error",
               "expectation_failed", ""};
  if (refused) {
    client.keep_alive = false; // The body stays unread.
    header_fields more;
    if (refused->status == 401) more.emplace_back("WWW-Authenticate", "Bearer");
    if (refused->status == 405) more.emplace_back("Allow", "POST");
    co_await refuse(client, api != nullptr ? *api : openai_chat_front(), *refused, std::move(more));
    co_await linger(client);
    co_return false;
  }
  if (waits && client.buffer.size() == 0) {
    constexpr std::string_view go = "HTTP/1.1 100 Continue\r\n\r\n";
    co_await asio::async_write(client.stream, asio::buffer(go), asio::use_awaitable);
  }
  client.stream.expires_after(server.body_timeout);
  if (!parser.is_done())
    co_await http::async_read(client.stream, client.buffer, parser,
                              asio::redirect_error(asio::use_awaitable, error));
  if (error) {
    co_await refuse_broken(client, error, server.max_body_bytes);
    if (client.head_sent) co_await linger(client);
    co_return false;
  }
  client.stream.expires_never();
  const auto message = parser.release();
  if (api != nullptr) {
    co_await serve_api(of, upstreams, client, *api, message);
  } else if (!co_await serve_admin(of, client, message)) {
    const api_error nothing{404, fmt::format("There is nothing at {}.", bare.substr(0, 100)),
                            "invalid_request_error", "not_found", ""};
    co_await refuse(client, openai_chat_front(), nothing, header_fields());
  }
  co_return client.keep_alive;
}

} // namespace

asio::awaitable<void> serve_connection(router& of, providers::transport& upstreams,
                                       std::shared_ptr<connection> client) {
  try {
    while (co_await serve_one(of, upstreams, *client)) {
    }
  } catch (const boost::system::system_error&) {
    // The client's socket failed: nobody is left to tell.
  } catch (const std::exception& error) {
    spdlog::error("a request failed unexpectedly: {}", error.what());
  }
  error_code ignored;
  client->stream.socket().shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  client->stream.close();
}

} // namespace echelon::gateway
