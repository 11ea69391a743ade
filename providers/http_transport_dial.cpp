// How an exchange gets a fresh connection: directly, or through a forward proxy.
#include "providers/http_transport_exchange.hpp"
#include "providers/http_transport_shortage.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/http/empty_body.hpp>

namespace echelon::providers {

namespace asio = boost::asio;
namespace http = boost::beast::http;

namespace {

constexpr std::size_t tunnel_head_limit = 16384;

std::string status_of(const http::response_header<>& head) {
  auto out = std::to_string(head.result_int());
  // Only words that are known: the proxy's own may say anything.
  if (head.result() != http::status::unknown)
    out += ' ' + std::string{http::obsolete_reason(head.result())};
  return out;
}

} // namespace

asio::awaitable<void> http_exchange_state::connect() {
  const auto self = shared_from_this();
  connection_.reset();
  buffer_.clear();
  connect_expired_ = false;
  timer_.emplace(pool_->executor());
  arm();
  if (!connect_timer_) connect_timer_.emplace(pool_->executor());
  connect_timer_->expires_after(connect_timeout_);
  connect_timer_->async_wait([weak = weak_from_this()](const error_code& ec) {
    const auto state = weak.lock();
    if (!state || ec) return;
    state->connect_expired_ = true;
    if (state->connecting_) state->connecting_->abort();
    if (state->connection_) state->connection_->close();
  });
  std::shared_ptr<http_connect> by;
  auto ec = co_await dial(by);
  // A connection that waits for its next request is worth less than one that is needed now.
  while (is_descriptor_shortage(ec) && !connect_expired_ && pool_->drop_oldest())
    ec = co_await dial(by);
  if (connect_expired_) too_slow();
  if (ec) cannot_connect(ec.message(), is_shortage(ec) ? reason::exhausted : reason::network);
  check();
  error_code ignored;
  by->socket.set_option(asio::ip::tcp::no_delay{true}, ignored);
  if (const auto at = by->socket.remote_endpoint(ignored); !ignored)
    pool_->family.insert_or_assign(origin_.peer().host, at.protocol());
  connection_ = std::make_shared<http_connection>(std::move(by->socket));
  if (origin_.tls) {
    if (origin_.proxy) co_await open_tunnel();
    connection_ =
        std::make_shared<http_connection>(connection_->release(), pool_->tls(origin_.ca_file));
    const auto why = co_await connection_->handshake(origin_);
    if (connect_expired_) too_slow();
    if (!why.empty()) {
      // Certificates of the system are read from its folder as they are needed.
      if (const auto lack = descriptor_shortage())
        cannot_connect(lack.message(), reason::exhausted);
      cannot_connect(why);
    }
    check();
  }
  connect_timer_->cancel();
  timer_.reset();
  connection_->expires_at(deadline_);
}

asio::awaitable<http_exchange_state::error_code>
http_exchange_state::dial(std::shared_ptr<http_connect>& by) {
  const auto peer = origin_.peer();
  std::optional<asio::ip::tcp> prefer;
  if (const auto known = pool_->family.find(peer.host); known != pool_->family.end())
    prefer = known->second;
  by = std::make_shared<http_connect>(pool_->executor(), peer, prefer, pool_->names());
  connecting_ = by;
  const auto ec = co_await by->run();
  connecting_.reset();
  co_return ec;
}

asio::awaitable<void> http_exchange_state::open_tunnel() {
  const auto connection = connection_;
  const auto target = origin_.str();
  auto head = "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n";
  if (!origin_.proxy->authorization.empty())
    head += "Proxy-Authorization: " + origin_.proxy->authorization + "\r\n";
  head += "\r\n";
  error_code ec;
  co_await connection->write({asio::buffer(head), asio::const_buffer{}}, ec);
  http::response_parser<http::empty_body> parser;
  parser.header_limit(tunnel_head_limit);
  parser.skip(true);
  while (!parser.is_header_done()) {
    const auto got = co_await connection->read_some(buffer_.prepare(1024), ec);
    if (connect_expired_) too_slow();
    check();
    if (ec) cannot_connect("the proxy closed the connection");
    buffer_.commit(got);
    buffer_.consume(parser.put(buffer_.data(), ec));
    if (ec && ec != http::error::need_more) cannot_connect("the proxy's answer is not HTTP");
    if (buffer_.size() > tunnel_head_limit) cannot_connect("the proxy's answer is too long");
  }
  if (parser.get().result_int() / 100 != 2)
    cannot_connect("the proxy refused: " + status_of(parser.get()));
  // In a tunnel the client speaks first: what is there already did not come from the upstream.
  if (buffer_.size() != 0) cannot_connect("the proxy sent data before the tunnel was used");
}

void http_exchange_state::check_proxy() {
  if (!origin_.proxy || origin_.tls
      || parser_->get().result() != http::status::proxy_authentication_required)
    return;
  cannot_connect("the proxy refused: " + status_of(parser_->get()));
}

void http_exchange_state::too_slow() {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(connect_timeout_);
  cannot_connect("not done within " + std::to_string(ms.count()) + " ms");
}

void http_exchange_state::cannot_connect(const std::string& why, reason of) {
  const auto via = origin_.proxy ? " through the proxy " + origin_.proxy->str() : std::string{};
  fail("cannot connect to " + origin_.str() + via + ": " + why, of);
}

} // namespace echelon::providers
