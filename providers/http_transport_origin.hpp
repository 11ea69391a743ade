/// Where a provider lives: what of its base URL the transport needs.
#pragma once

#include "config/router_config.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace echelon::providers {

/// A forward proxy that speaks plain HTTP.
struct http_proxy {
  std::string host; ///< Without brackets for IPv6 literals.
  std::uint16_t port = 80;
  std::string authorization; ///< Value of Proxy-Authorization; secret, may be empty.
  auto operator<=>(const http_proxy&) const = default;

  /// `host:port` for messages.
  [[nodiscard]] std::string str() const;
};

/// Scheme, host and port of a base URL. The path belongs to the adapter.
struct http_origin {
  bool tls = false;
  std::string host; ///< Without brackets for IPv6 literals.
  std::uint16_t port = 80;
  std::string ca_file;     ///< PEM bundle; empty: the system's.
  bool is_address = false; ///< `host` is an IP literal: no SNI, no lookup.
  /// Requests go through it; filled by who knows the environment, not by origin_of().
  std::optional<http_proxy> proxy;
  auto operator<=>(const http_origin&) const = default;

  /// Value of the Host header: IPv6 in brackets, the port unless it is the scheme's own.
  [[nodiscard]] std::string host_header() const;
  /// The machine to connect to: the proxy if there is one.
  [[nodiscard]] http_origin peer() const;
  /// `host:port`, for messages and as the target of a tunnel.
  [[nodiscard]] std::string str() const;
};

/// Reads the base URL of `provider`. Throws transport_error (network) for anything but
/// `http(s)://host[:port][/path]`.
[[nodiscard]] http_origin origin_of(const config::provider_config& provider);

} // namespace echelon::providers
