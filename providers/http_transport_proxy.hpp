/// Which forward proxy a request takes, if any.
#pragma once

#include "providers/http_transport_origin.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace echelon::providers {

/// Proxy URLs of the environment. Lower-case names win over upper-case ones, as in curl.
struct proxy_environment {
  std::string https;  ///< HTTPS_PROXY: for https upstreams.
  std::string http;   ///< HTTP_PROXY: for http upstreams.
  std::string direct; ///< NO_PROXY: hosts that are reached directly.

  /// Reads the process's environment. Not safe beside setenv.
  [[nodiscard]] static proxy_environment read();
};

/// Reads `[http://][user:password@]host[:port]`; the port is 80 if none is given. Throws
/// transport_error (network) that names `source` and nothing of the credentials.
[[nodiscard]] http_proxy read_proxy(std::string_view url, std::string_view source);

/// True if `list` names the origin: entries are separated by commas or blanks and are `*`, a name
/// (it and all below it; a leading `.` or `*.` changes nothing), an IP literal, or a network
/// (`10.0.0.0/8`); names and literals may end in `:port`, IPv6 literals then in brackets.
[[nodiscard]] bool goes_direct(std::string_view list, const http_origin& origin);

/// The proxy for `origin`: the provider's own if it is set (`none`: no proxy), else the
/// environment's, which leaves loopback addresses alone. Throws as read_proxy().
[[nodiscard]] std::optional<http_proxy> proxy_for(const config::provider_config& provider,
                                                  const http_origin& origin,
                                                  const proxy_environment& environment);

} // namespace echelon::providers
