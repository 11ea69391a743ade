#include "certificates.hpp"

#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <unistd.h>

namespace echelon::test {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;

namespace {

template <auto Free>
struct freed_by {
  template <class T>
  void operator()(T* x) const {
    Free(x);
  }
};
using key_ptr = std::unique_ptr<EVP_PKEY, freed_by<EVP_PKEY_free>>;
using cert_ptr = std::unique_ptr<X509, freed_by<X509_free>>;
using bio_ptr = std::unique_ptr<BIO, freed_by<BIO_free>>;

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

bio_ptr reading(const std::string& pem) {
  return bio_ptr{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
}

void add(X509* cert, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, cert, nullptr, nullptr, 0);
  auto* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  if (!extension) throw std::runtime_error("bad certificate extension");
  X509_add_ext(cert, extension, -1);
  X509_EXTENSION_free(extension);
}

/// `issuer` null: signed by itself.
certificate make(const std::string& name, const certificate_wish& wish, const certificate* issuer,
                 bool is_ca) {
  static std::atomic<long> serial{1};
  key_ptr key{EVP_EC_gen("P-256")};
  cert_ptr cert{X509_new()};
  X509_set_version(cert.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), serial++);
  X509_gmtime_adj(X509_getm_notBefore(cert.get()), -86400L * 60);
  X509_gmtime_adj(X509_getm_notAfter(cert.get()), 86400L * wish.days_left);
  X509_set_pubkey(cert.get(), key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(cert.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  key_ptr signer_key;
  cert_ptr signer;
  if (issuer) {
    signer_key.reset(
        PEM_read_bio_PrivateKey(reading(issuer->key_pem).get(), nullptr, nullptr, nullptr));
    signer.reset(PEM_read_bio_X509(reading(issuer->pem).get(), nullptr, nullptr, nullptr));
  }
  auto* by = signer ? signer.get() : cert.get();
  X509_set_issuer_name(cert.get(), X509_get_subject_name(by));
  if (is_ca) {
    add(cert.get(), by, NID_basic_constraints, "critical,CA:TRUE");
    add(cert.get(), by, NID_key_usage, "critical,keyCertSign");
  } else {
    add(cert.get(), by, NID_subject_alt_name, wish.san.c_str());
  }
  X509_sign(cert.get(), signer_key ? signer_key.get() : key.get(), EVP_sha256());
  bio_ptr out{BIO_new(BIO_s_mem())};
  PEM_write_bio_X509(out.get(), cert.get());
  bio_ptr key_out{BIO_new(BIO_s_mem())};
  PEM_write_bio_PrivateKey(key_out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return {text_of(key_out.get()), text_of(out.get())};
}

} // namespace

authority::authority() {
  static std::atomic<int> count{0};
  own_ = make("test authority " + std::to_string(count), {}, nullptr, true);
  const auto name =
      "echelon-ca-" + std::to_string(::getpid()) + '-' + std::to_string(count++) + ".pem";
  file_ = (std::filesystem::temp_directory_path() / name).string();
  std::ofstream{file_} << own_.pem;
}

authority::~authority() {
  std::error_code ignored;
  std::filesystem::remove(file_, ignored);
}

certificate authority::issue(const certificate_wish& wish) const {
  return make("upstream", wish, &own_, false);
}

certificate self_signed() {
  return make("lonely", {}, nullptr, false);
}

raw_upstream::handler tls_play(const certificate& shown, std::string body, std::string& sni,
                               std::mutex& guard) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  context->use_certificate_chain(asio::buffer(shown.pem));
  context->use_private_key(asio::buffer(shown.key_pem), ssl::context::pem);
  return [context, body = std::move(body), &sni, &guard](raw_peer& peer, int) {
    ssl::stream<asio::ip::tcp::socket&> stream{peer.socket(), *context};
    boost::system::error_code ec;
    stream.handshake(ssl::stream_base::server, ec);
    if (ec) return;
    {
      const auto* name = SSL_get_servername(stream.native_handle(), TLSEXT_NAMETYPE_host_name);
      const std::lock_guard lock{guard};
      sni = name ? name : "-";
    }
    std::string buffer;
    while (!ec) {
      const auto head = asio::read_until(stream, asio::dynamic_buffer(buffer), "\r\n\r\n", ec);
      if (ec) return;
      buffer.erase(0, head);
      asio::write(stream, asio::buffer(ok(body)), ec);
    }
  };
}

} // namespace echelon::test
