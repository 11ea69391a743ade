/// Where a provider lives: what of its base URL the transport needs.
#pragma once

#include "config/router_config.hpp"

#include <cstdint>
#include <string>

namespace echelon::providers {

/// Scheme, host and port of a base URL. The path belongs to the adapter.
struct http_origin {
  bool tls = false;
  std::string host; ///< Without brackets for IPv6 literals.
  std::uint16_t port = 80;
  std::string ca_file;     ///< PEM bundle; empty: the system's.
  bool is_address = false; ///< `host` is an IP literal: no SNI, no lookup.
  auto operator<=>(const http_origin&) const = default;

  /// Value of the Host header: IPv6 in brackets, the port unless it is the scheme's own.
  [[nodiscard]] std::string host_header() const;
  /// `host:port` for messages.
  [[nodiscard]] std::string str() const;
};

/// Reads the base URL of `provider`. Throws transport_error (network) for anything but
/// `http(s)://host[:port][/path]`.
[[nodiscard]] http_origin origin_of(const config::provider_config& provider);

} // namespace echelon::providers
