#include "gateway/session.hpp"

#include "config/log.hpp"
#include "engine/call.hpp"
#include "gateway/auth.hpp"
#include "gateway/front_load.hpp"
#include "gateway/http_recipient.hpp"
#include "gateway/observed_request.hpp"
#include "gateway/paths.hpp"
#include "gateway/request_options.hpp"
#include "gateway/request_reading.hpp"
#include "providers/json_read.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>

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
  if (client.seen != nullptr) {
    auto& facts = client.seen->facts;
    facts.id = id;
    facts.error = error.code.empty() ? error.type : error.code;
    facts.outcome = error.message;
  }
  more.emplace_back("x-request-id", id);
  const auto body = api.error_body(error, id);
  co_await write_answer(client, error.status, "application/json", more, body);
}

/// Errors known from the head alone, before a byte of the body is taken.
std::optional<api_error> refuse_head(const config::auth_config& auth, const http_message& m,
                                     std::uint64_t max_body, std::optional<std::uint64_t> length) {
  if (!find_caller(auth, presented_key(field(m, "authorization"), field(m, "x-api-key")),
                   std::chrono::system_clock::now()))
    return api_error{401, "Missing or unknown API key. Send it as Authorization: Bearer KEY.",
                     "invalid_request_error", "invalid_api_key", ""};
  if (length && *length > max_body)
    return api_error{
        413, fmt::format("The body is larger than {} bytes (server.max_body_bytes).", max_body),
        "invalid_request_error", "request_too_large", ""};
  return std::nullopt;
}

/// What is asked, word by word.
nlohmann::json prompt_of(const providers::canonical_request& x) {
  const auto& messages = providers::member(x.body(), "messages");
  return messages.is_null() ? providers::member(x.body(), "input") : messages;
}

/// A request that front_load has let in.
struct place {
  front_load& of;
  std::string client;
  place(front_load& x, std::string who) : of(x), client(std::move(who)) {}
  ~place() { of.leave_request(client); }
  place(const place&) = delete;
  place& operator=(const place&) = delete;
};

asio::awaitable<void> serve_api(router& of, providers::transport& upstreams, connection& client,
                                const front& api, const http_message& message) {
  front_request request;
  call_options options;
  options.client_key = presented_key(field(message, "authorization"), field(message, "x-api-key"));
  if (of.draining && !client.load.handed_over) {
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
  const auto who =
      find_caller(now->config->auth, options.client_key, std::chrono::system_clock::now());
  if (!error && !who)
    error = api_error{401, "The API key has just expired or been revoked.", "invalid_request_error",
                      "invalid_api_key", ""};
  // By key where keys are checked: anything else a client could make up.
  auto counted = who && !who->name.empty() ? who->name : client.address;
  if (!error) {
    if (auto busy = client.load.enter_request(counted, options.priority, now->config->server)) {
      header_fields more;
      more.emplace_back("Retry-After", "1");
      co_await refuse(client, api, std::move(*busy), std::move(more));
      co_return;
    }
  } else {
    co_await refuse(client, api, std::move(*error), header_fields());
    co_return;
  }
  const place taken{client.load, std::move(counted)};
  error = api.read(message.body(), request);
  if (client.seen != nullptr) {
    client.seen->facts.client = who->name;
    client.seen->facts.target = request.target;
    if (client.seen->prompts) client.seen->facts.prompt = prompt_of(request.canonical);
  }
  if (!error)
    error = forbidden(*who, request.target, options.fallback_groups, what.node.has_value());
  if (request.canonical.native) request.canonical.native->beta = field(message, "anthropic-beta");
  if (error) {
    co_await refuse(client, api, std::move(*error), header_fields());
    co_return;
  }
  const engine::in_flight_guard guard{of};
  what.target = request.target;
  options.client = who->name;
  what.canonical = std::move(request.canonical);
  request.canonical.stream = what.canonical.stream;
  options.seen = client.seen;
  http_recipient to{client, api, request};
  call served{of, upstreams, to, std::move(what), std::move(options)};
  co_await served.run();
}

/// A request that cannot be read: says so where that is possible. The connection closes.
asio::awaitable<void> refuse_broken(connection& client, const error_code& error,
                                    std::uint64_t max_body) {
  client.keep_alive = false;
  const bool late = client.stream.expired();
  if (!late
      && (error == http::error::end_of_stream || error == asio::error::operation_aborted
          || error == asio::error::connection_reset || error == asio::error::eof
          || error == http::error::partial_message))
    co_return;
  api_error answer{400, "The request is not valid HTTP: " + error.message() + ".",
                   "invalid_request_error", "bad_request", ""};
  if (late)
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
  co_await client.stream.end_output();
  client.stream.expires_after(std::chrono::seconds{2});
  std::array<char, 16384> sink{};
  while (!ignored)
    co_await client.stream.async_read_some(asio::buffer(sink),
                                           asio::redirect_error(asio::use_awaitable, ignored));
}

asio::awaitable<bool> serve_one(router& of, providers::transport& upstreams, connection& client) {
  if (client.used) {
    if (!co_await another_request(client, client.idle_limit)) co_return false;
  }
  client.used = true;
  const auto now = of.current();
  const auto& server = now->config->server;
  request_parser parser;
  parser.header_limit(static_cast<std::uint32_t>(server.max_header_bytes));
  client.write_limit = server.write_timeout;
  client.idle_limit = server.idle_timeout;
  parser.body_limit(server.max_body_bytes);
  error_code error;
  client.next_request();
  const part_limit head_time{client, server.header_timeout};
  co_await read_head(client, parser, head_time, error);
  if (error) {
    // An idle connection is closed without a word.
    if (client.stream.expired() && client.buffer.size() == 0 && !parser.got_some()) co_return false;
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
  const auto verb = head.method_string();
  const std::string_view method{verb.data(), verb.size()};
  client.bodiless = head.method() == http::verb::head;
  const auto methods = api != nullptr ? std::string_view{"POST"} : methods_of(bare);
  // Keys and all else as they are now: the head may have taken its time through a reload.
  const auto present = of.current();
  std::optional<observed_request> seen;
  // Probes would be most of the log.
  if (bare != "/healthz" && bare != "/readyz" && bare != "/metrics")
    seen.emplace(of, *present, client, head, bare, method, api != nullptr);
  std::optional<api_error> refused;
  if (!methods.empty() && !allows(methods, method)) {
    refused = {405, fmt::format("Use {}.", methods), "invalid_request_error", "method_not_allowed",
               ""};
  } else if (api != nullptr) {
    std::optional<std::uint64_t> length;
    if (const auto n = parser.content_length()) length = *n;
    refused = refuse_head(present->config->auth, head, server.max_body_bytes, length);
  }
  // Framing that two readers could understand differently (RFC 9112, 6.1) is refused.
  const auto coding = field(head, "transfer-encoding");
  if (head.count(http::field::transfer_encoding) > 1
      || (!coding.empty() && !boost::beast::iequals(coding, "chunked")))
    refused = {400, "Only Transfer-Encoding: chunked is understood.", "invalid_request_error",
               "bad_request", ""};
  // RFC 9112, 3.2. A blank comes of a line that was folded to hide another header.
  const auto host = field(head, "host");
  if (head.count(http::field::host) > 1 || (host.empty() && !client.http_1_0)
      || host.find(' ') != std::string_view::npos || host.find('\t') != std::string_view::npos)
    refused = {400, "A request must have one Host header, without blanks.", "invalid_request_error",
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
    if (refused->status == 405) more.emplace_back("Allow", std::string{methods});
    co_await refuse(client, api != nullptr ? *api : openai_chat_front(), *refused, std::move(more));
    co_await linger(client);
    co_return false;
  }
  if (waits && client.buffer.size() == 0) {
    constexpr std::string_view go = "HTTP/1.1 100 Continue\r\n\r\n";
    co_await asio::async_write(client.stream, asio::buffer(go), asio::use_awaitable);
  }
  held_bytes held{client.load};
  const part_limit body_time{client, server.body_timeout};
  const auto body =
      co_await read_body(client, parser, held, server.max_memory_bytes, body_time, error);
  if (body == body_outcome::no_room) {
    client.keep_alive = false;
    api_error full{503,
                   "The requests under way take all the memory that they may "
                   "(server.max_memory_bytes). Try again.",
                   "server_error", "overloaded", ""};
    header_fields more;
    more.emplace_back("Retry-After", "1");
    co_await refuse(client, api != nullptr ? *api : openai_chat_front(), std::move(full),
                    std::move(more));
    co_await linger(client);
    co_return false;
  }
  if (body == body_outcome::broken) {
    co_await refuse_broken(client, error, server.max_body_bytes);
    if (client.head_sent) co_await linger(client);
    co_return false;
  }
  client.stream.expires_never();
  const auto message = parser.release();
  if (client.seen != nullptr) client.seen->facts.bytes_in = message.body().size();
  if (api != nullptr) {
    co_await serve_api(of, upstreams, client, *api, message);
  } else {
    // Whoever has the answer finds the line in the log, and before the lines of what follows.
    client.on_status = [&] { audit_admin(of, client, message); };
    if (!co_await serve_admin(of, client, message)) {
      const api_error nothing{404, fmt::format("There is nothing at {}.", bare.substr(0, 100)),
                              "invalid_request_error", "not_found", ""};
      co_await refuse(client, openai_chat_front(), nothing, header_fields());
    }
  }
  co_return client.keep_alive;
}

} // namespace

asio::awaitable<void> serve_connection(router& of, providers::transport& upstreams,
                                       std::shared_ptr<connection> client) {
  try {
    client->stream.expires_after(of.current()->config->server.header_timeout);
    co_await client->stream.handshake();
    while (co_await serve_one(of, upstreams, *client)) {
    }
    if (client->stream.encrypted()) co_await client->stream.end_output();
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
