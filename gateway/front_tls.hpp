/// The certificate that the front shows, read anew when its files change.
#pragma once

#include "config/router_config.hpp"

#include <boost/asio/ssl/context.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace echelon::gateway {

/// TLS 1.2 and later, HTTP/1.1 by ALPN. Throws std::runtime_error that names the file at fault.
[[nodiscard]] std::shared_ptr<boost::asio::ssl::context>
make_front_context(const config::front_tls_config& files);

/// Connections keep the context they began with, so a change drops none. Used from one thread.
class front_identity {
public:
  /// Throws std::runtime_error if TLS is on and the files cannot be used.
  explicit front_identity(config::front_tls_config files);

  /// Null: plain HTTP.
  [[nodiscard]] const std::shared_ptr<boost::asio::ssl::context>& context() const {
    return context_;
  }
  /// When the certificate ends, in Unix seconds; 0: plain HTTP.
  [[nodiscard]] std::int64_t end() const;
  /// Looks at the files again, which may be others now. A change counts once it has been the same
  /// twice; what cannot be used is logged once, and the one before stays in force.
  void refresh(const config::front_tls_config& files);

private:
  [[nodiscard]] std::string look() const;
  config::front_tls_config files_;
  std::shared_ptr<boost::asio::ssl::context> context_;
  std::string known_, last_; // Looks: the one taken, and the newest.
};

} // namespace echelon::gateway
