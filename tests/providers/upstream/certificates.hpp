/// Certificates made on the spot, and a TLS upstream that shows them.
#pragma once

#include "raw_upstream.hpp"

#include <string>

namespace echelon::test {

struct certificate {
  std::string key_pem;
  std::string pem;
};

struct certificate_wish {
  std::string san = "DNS:localhost,IP:127.0.0.1"; ///< As OpenSSL writes subjectAltName.
  int days_left = 30;                             ///< Negative: expired.
};

/// A CA of its own key; `file()` is a PEM bundle that is removed with it.
class authority {
public:
  authority();
  ~authority();
  authority(const authority&) = delete;
  authority& operator=(const authority&) = delete;
  [[nodiscard]] certificate issue(const certificate_wish& wish = {}) const;
  [[nodiscard]] const std::string& file() const { return file_; }

private:
  certificate own_;
  std::string file_;
};

[[nodiscard]] certificate self_signed();

/// Answers each request of a TLS connection with `body`.
/// @returns A handler for raw_upstream; `sni` gets the name of the last good handshake, "-" if
/// none.
[[nodiscard]] raw_upstream::handler tls_play(const certificate& shown, std::string body,
                                             std::string& sni, std::mutex& guard);

} // namespace echelon::test
