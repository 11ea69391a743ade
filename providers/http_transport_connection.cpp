#include "providers/http_transport_connection.hpp"

#include "providers/http_transport_shortage.hpp"
#include "providers/send_at_once.hpp"
#include "providers/transport.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <cerrno>

namespace echelon::providers {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;

std::shared_ptr<ssl::context> make_tls_context(const std::string& ca_file) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  context->set_verify_mode(ssl::verify_peer);
  boost::system::error_code ec;
  if (ca_file.empty())
    context->set_default_verify_paths(ec);
  else
    context->load_verify_file(ca_file, ec);
  // The system's certificates are looked for without a word when they cannot be opened.
  if (const auto lack = descriptor_shortage())
    throw transport_error(transport_error::reason::exhausted,
                          "cannot read CA certificates: " + lack.message());
  if (ec)
    throw transport_error(transport_error::reason::network,
                          "cannot read CA certificates "
                              + (ca_file.empty() ? "of the system" : "from " + ca_file) + ": "
                              + ec.message());
  return context;
}

http_connection::http_connection(socket_type socket)
    : stream_(std::in_place_type<socket_type>, std::move(socket)) {}

http_connection::http_connection(socket_type socket, std::shared_ptr<ssl::context> context)
    : context_(std::move(context)),
      stream_(std::in_place_type<tls_stream>, std::move(socket), *context_) {}

http_connection::socket_type& http_connection::socket() {
  if (auto* tls = std::get_if<tls_stream>(&stream_)) return tls->next_layer();
  return std::get<socket_type>(stream_);
}

asio::awaitable<std::string> http_connection::handshake(const http_origin& origin) {
  auto& tls = std::get<tls_stream>(stream_);
  auto* handle = tls.native_handle();
  auto* expected = SSL_get0_param(handle);
  if (origin.is_address) {
    X509_VERIFY_PARAM_set1_ip_asc(expected, origin.host.c_str());
  } else {
    X509_VERIFY_PARAM_set_hostflags(expected, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    X509_VERIFY_PARAM_set1_host(expected, origin.host.c_str(), origin.host.size());
    SSL_set_tlsext_host_name(handle, origin.host.c_str());
  }
  error_code ec;
  co_await tls.async_handshake(ssl::stream_base::client,
                               asio::redirect_error(asio::use_awaitable, ec));
  if (!ec) co_return std::string{};
  const auto verdict = SSL_get_verify_result(handle);
  if (verdict == X509_V_OK) co_return "TLS handshake failed: " + ec.message();
  co_return std::string{"certificate refused: "} + X509_verify_cert_error_string(verdict);
}

asio::awaitable<std::size_t> http_connection::read_some(asio::mutable_buffer into, error_code& ec) {
  if (auto* tls = std::get_if<tls_stream>(&stream_))
    co_return co_await tls->async_read_some(into, asio::redirect_error(asio::use_awaitable, ec));
  co_return co_await std::get<socket_type>(stream_).async_read_some(
      into, asio::redirect_error(asio::use_awaitable, ec));
}

asio::awaitable<void> http_connection::write(std::array<asio::const_buffer, 2> bytes,
                                             error_code& ec) {
  if (auto* tls = std::get_if<tls_stream>(&stream_)) {
    co_await asio::async_write(*tls, bytes, asio::redirect_error(asio::use_awaitable, ec));
    co_return;
  }
  auto& plain = std::get<socket_type>(stream_);
  if (!send_at_once(plain, bytes))
    co_await asio::async_write(plain, bytes, asio::redirect_error(asio::use_awaitable, ec));
}

void http_connection::close() {
  error_code ignored;
  socket().close(ignored);
}

bool http_connection::quiet() {
  char byte = 0;
  const auto got = ::recv(socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

} // namespace echelon::providers
