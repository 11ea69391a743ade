#include "gateway/front_tls.hpp"

#include "config/log.hpp"
#include "gateway/watch.hpp"

#include <openssl/ssl.h>

#include <ctime>
#include <stdexcept>

namespace echelon::gateway {

namespace ssl = boost::asio::ssl;

namespace {

[[noreturn]] void unusable(const std::string& key, const std::string& file,
                           const boost::system::error_code& why) {
  throw std::runtime_error{"server.tls." + key + ": cannot use " + file + ": " + why.message()};
}

int choose_protocol(SSL*, const unsigned char** out, unsigned char* size,
                    const unsigned char* offered, unsigned offered_size, void*) {
  static constexpr unsigned char ours[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, size, ours, sizeof ours - 1, offered, offered_size)
      != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

} // namespace

std::shared_ptr<ssl::context> make_front_context(const config::front_tls_config& files) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  auto* raw = context->native_handle();
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION
                               | SSL_OP_CIPHER_SERVER_PREFERENCE);
  // Idle connections keep no buffers.
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(raw, choose_protocol, nullptr);
  boost::system::error_code error;
  context->use_certificate_chain_file(files.cert, error);
  if (error) unusable("cert", files.cert, error);
  context->use_private_key_file(files.key, ssl::context::pem, error);
  if (error) unusable("key", files.key, error);
  if (SSL_CTX_check_private_key(raw) != 1)
    throw std::runtime_error{"server.tls: " + files.key + " is not the key of " + files.cert};
  if (files.client_ca.empty()) return context;
  context->load_verify_file(files.client_ca, error);
  if (error) unusable("client_ca", files.client_ca, error);
  SSL_CTX_set_client_CA_list(raw, SSL_load_client_CA_file(files.client_ca.c_str()));
  context->set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
  // Sessions of a context with client certificates need a name.
  static constexpr unsigned char name[] = "echelon";
  SSL_CTX_set_session_id_context(raw, name, sizeof name - 1);
  return context;
}

front_identity::front_identity(config::front_tls_config files) : files_(std::move(files)) {
  if (!files_.on()) return;
  known_ = last_ = look();
  context_ = make_front_context(files_);
}

std::int64_t front_identity::end() const {
  const auto* own = context_ ? SSL_CTX_get0_certificate(context_->native_handle()) : nullptr;
  std::tm when{};
  if (own == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(own), &when) != 1) return 0;
  return timegm(&when);
}

std::string front_identity::look() const {
  auto x = files_.cert + look_of(files_.cert) + files_.key + look_of(files_.key);
  if (!files_.client_ca.empty()) x += files_.client_ca + look_of(files_.client_ca);
  return x;
}

void front_identity::refresh(const config::front_tls_config& files) {
  if (!context_ || !files.on()) return; // Between HTTP and HTTPS only a restart leads.
  files_ = files;
  const auto now = look();
  const bool settled = now == last_;
  last_ = now;
  if (!settled || now == known_) return;
  known_ = now;
  try {
    context_ = make_front_context(files_);
    log().info("server.tls: new connections get the certificate of {} as it is now", files_.cert);
  } catch (const std::exception& error) {
    log().error("{}; the certificate before it stays in force", error.what());
  }
}

} // namespace echelon::gateway
