#include "cluster/etcd_connection.hpp"

#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include <openssl/ssl.h>

#include <stdexcept>
#include <utility>

namespace echelon::cluster {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace ssl = asio::ssl;
using asio::use_awaitable;

namespace {

constexpr std::uint64_t most_bytes = 8U << 20U; // Far more than a cluster of ours keeps there.

void must_be_read(const boost::system::error_code& ec, const std::string& file) {
  if (ec)
    throw std::runtime_error("cluster.etcd: cannot read "
                             + (file.empty() ? "the system's certificates" : file) + ": "
                             + ec.message());
}

} // namespace

ssl::context etcd_tls(const std::string& ca, const std::string& cert, const std::string& key) {
  ssl::context x{ssl::context::tls_client};
  SSL_CTX_set_min_proto_version(x.native_handle(), TLS1_2_VERSION);
  x.set_verify_mode(ssl::verify_peer);
  boost::system::error_code ec;
  if (ca.empty())
    x.set_default_verify_paths(ec);
  else
    x.load_verify_file(ca, ec);
  must_be_read(ec, ca);
  if (cert.empty()) return x;
  x.use_certificate_chain_file(cert, ec);
  must_be_read(ec, cert);
  x.use_private_key_file(key, ssl::context::pem, ec);
  must_be_read(ec, key);
  return x;
}

etcd_connection::etcd_connection(asio::io_context& io, ssl::context& tls,
                                 const config::endpoint& to)
    : to_(to), resolver_(io) {
  parser_.body_limit(most_bytes);
  if (!to.tls) {
    plain_.emplace(io);
    return;
  }
  tls_.emplace(io, tls);
  tls_->set_verify_callback(ssl::host_name_verification{to.host});
  boost::system::error_code ec;
  asio::ip::make_address(to.host, ec);
  if (ec) SSL_set_tlsext_host_name(tls_->native_handle(), to.host.c_str()); // Names only: RFC 6066.
}

etcd_connection::awaitable<void> etcd_connection::open(duration patience) {
  const auto port = std::to_string(to_.port);
  const auto found = co_await resolver_.async_resolve(to_.host, port, use_awaitable);
  lowest().expires_after(patience);
  co_await lowest().async_connect(found, use_awaitable);
  lowest().socket().set_option(asio::ip::tcp::no_delay{true});
  if (tls_) co_await tls_->async_handshake(ssl::stream_base::client, use_awaitable);
}

etcd_connection::awaitable<void> etcd_connection::post(const etcd_request& x, duration patience) {
  http::request<http::string_body> request{http::verb::post, x.path, 11};
  request.set(http::field::host, to_.host + ':' + std::to_string(to_.port));
  request.set(http::field::content_type, "application/json");
  request.body() = x.body;
  request.prepare_payload();
  lowest().expires_after(patience);
  if (tls_) {
    co_await http::async_write(*tls_, request, use_awaitable);
    co_await http::async_read_header(*tls_, buffer_, parser_, use_awaitable);
  } else {
    co_await http::async_write(*plain_, request, use_awaitable);
    co_await http::async_read_header(*plain_, buffer_, parser_, use_awaitable);
  }
}

etcd_connection::awaitable<std::string> etcd_connection::read_all() {
  if (tls_)
    co_await http::async_read(*tls_, buffer_, parser_, use_awaitable);
  else
    co_await http::async_read(*plain_, buffer_, parser_, use_awaitable);
  co_return std::move(parser_.get().body());
}

etcd_connection::awaitable<std::string> etcd_connection::read_some(duration patience) {
  auto& body = parser_.get().body();
  body.clear();
  lowest().expires_after(patience);
  while (body.empty() && !parser_.is_done())
    if (tls_)
      co_await http::async_read_some(*tls_, buffer_, parser_, use_awaitable);
    else
      co_await http::async_read_some(*plain_, buffer_, parser_, use_awaitable);
  co_return body;
}

} // namespace echelon::cluster
