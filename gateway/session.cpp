#include "gateway/session.hpp"

#include "config/log.hpp"
#include "engine/call.hpp"
#include "gateway/auth.hpp"
#include "gateway/http_recipient.hpp"
#include "gateway/request_options.hpp"
#include "providers/json_read.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>
#include <random>

namespace echelon::gateway {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using engine::call;
using engine::call_options;
using engine::call_request;

namespace {

constexpr std::uint32_t header_limit = 64 * 1024;

const front* front_of(std::string_view path) {
  if (path == "/v1/chat/completions") return &openai_chat_front();
  if (path == "/v1/embeddings") return &openai_embeddings_front();
  if (path == "/v1/responses") return &openai_responses_front();
  if (path == "/v1/messages") return &anthropic_messages_front();
  return nullptr;
}

asio::awaitable<void> refuse(connection& client, const front& api, api_error error,
                             header_fields more) {
  const auto id = providers::make_id("req_");
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
  call_request what;
  const auto now = of.current();
  auto error = read_options(message, *now->config, options, what);
  if (!error) error = api.read(message.body(), request);
  if (request.canonical.native) request.canonical.native->beta = field(message, "anthropic-beta");
  if (error) {
    co_await refuse(client, api, std::move(*error), header_fields());
    co_return;
  }
  const engine::in_flight_guard guard{of};
  what.target = request.target;
  what.canonical = std::move(request.canonical);
  request.canonical.stream = what.canonical.stream;
  http_recipient to{client, api, request};
  call served{of, upstreams, to, std::move(what), std::move(options)};
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
    log().error("a request failed unexpectedly: {}", error.what());
  }
  error_code ignored;
  client->stream.socket().shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  client->stream.close();
}

} // namespace echelon::gateway
