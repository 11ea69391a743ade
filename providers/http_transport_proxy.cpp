#include "providers/http_transport_proxy.hpp"

#include "config/url.hpp"
#include "providers/transport.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <boost/beast/core/string.hpp>

#include <openssl/evp.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

namespace echelon::providers {

namespace asio = boost::asio;
using boost::beast::iequals;
using boost::system::error_code;

namespace {

std::string variable(const char* lower, const char* upper) {
  for (const auto* name : {lower, upper})
    if (const auto* value = std::getenv(name); value != nullptr && *value != '\0') return value;
  return {};
}

std::string basic(std::string_view user_info) {
  const auto colon = user_info.find(':');
  auto plain = config::unescaped(user_info.substr(0, colon)) + ':';
  if (colon != std::string_view::npos) plain += config::unescaped(user_info.substr(colon + 1));
  std::string out(4 * ((plain.size() + 2) / 3) + 1, '\0'); // OpenSSL adds a zero byte.
  const auto size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                    reinterpret_cast<const unsigned char*>(plain.data()),
                                    static_cast<int>(plain.size()));
  out.resize(static_cast<std::size_t>(size));
  return "Basic " + out;
}

std::optional<std::uint16_t> read_port(std::string_view text) {
  unsigned number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec != std::errc{} || end != text.data() + text.size() || number == 0 || number > 65535)
    return std::nullopt;
  return static_cast<std::uint16_t>(number);
}

struct host_and_port {
  std::string_view host;
  std::string_view port; ///< Empty: none given.
};

/// `host`, `host:port`, `[v6]`, `[v6]:port`, or a bare IPv6 literal.
host_and_port split(std::string_view text) {
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return {text, {}};
    auto rest = text.substr(end + 1);
    if (rest.starts_with(':')) rest.remove_prefix(1);
    return {text.substr(1, end - 1), rest};
  }
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || text.find(':', colon + 1) != std::string_view::npos)
    return {text, {}};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

bool in_network(std::string_view entry, const asio::ip::address& address) {
  error_code ec;
  const auto length = entry.substr(entry.find('/') + 1);
  unsigned bits = 0;
  if (std::from_chars(length.data(), length.data() + length.size(), bits).ec != std::errc{})
    return false;
  const auto base = asio::ip::make_address(std::string{entry.substr(0, entry.find('/'))}, ec);
  if (ec || base.is_v4() != address.is_v4() || bits > (base.is_v4() ? 32U : 128U)) return false;
  const auto prefix = static_cast<unsigned short>(bits);
  if (base.is_v4())
    return asio::ip::network_v4{base.to_v4(), prefix}.canonical()
           == asio::ip::network_v4{address.to_v4(), prefix}.canonical();
  return asio::ip::network_v6{base.to_v6(), prefix}.canonical()
         == asio::ip::network_v6{address.to_v6(), prefix}.canonical();
}

bool names(std::string_view entry, const http_origin& origin) {
  if (entry == "*") return true;
  error_code not_address;
  const auto address = asio::ip::make_address(origin.host, not_address);
  if (entry.find('/') != std::string_view::npos) return !not_address && in_network(entry, address);
  auto [host, port] = split(entry);
  if (!port.empty() && read_port(port) != origin.port) return false;
  error_code ec;
  if (const auto wanted = asio::ip::make_address(std::string{host}, ec); !ec)
    return !not_address && wanted == address;
  if (!not_address) return false; // The end of a literal names no other machine.
  if (host.starts_with('*')) host.remove_prefix(1);
  while (host.starts_with('.'))
    host.remove_prefix(1);
  if (host.empty() || origin.host.size() < host.size()) return false;
  const auto above = origin.host.size() - host.size();
  return iequals(std::string_view{origin.host}.substr(above), host)
         && (above == 0 || origin.host[above - 1] == '.');
}

bool is_loopback(const http_origin& origin) {
  if (iequals(origin.host, "localhost") || origin.host.ends_with(".localhost")) return true;
  error_code ec;
  const auto address = asio::ip::make_address(origin.host, ec);
  return !ec && address.is_loopback();
}

} // namespace

proxy_environment proxy_environment::read() {
  return {variable("https_proxy", "HTTPS_PROXY"), variable("http_proxy", "HTTP_PROXY"),
          variable("no_proxy", "NO_PROXY")};
}

http_proxy read_proxy(std::string_view url, std::string_view source) {
  const auto refuse = [&](const char* why) {
    throw transport_error(transport_error::reason::network,
                          "the proxy of " + std::string{source} + " cannot be used: " + why);
  };
  if (const auto scheme = url.find("://"); scheme != std::string_view::npos) {
    if (!iequals(url.substr(0, scheme), "http")) refuse("only http:// proxies are supported");
    url.remove_prefix(scheme + 3);
  }
  url = url.substr(0, url.find_first_of("/?#"));
  http_proxy out;
  if (const auto at = url.rfind('@'); at != std::string_view::npos) {
    out.authorization = basic(url.substr(0, at));
    url.remove_prefix(at + 1);
  }
  const auto [host, port] = split(url);
  out.host = host;
  if (host.empty() || host.find_first_of("[] \t\r\n") != std::string_view::npos) refuse("no host");
  if (!port.empty()) {
    const auto number = read_port(port);
    if (!number) refuse("bad port");
    out.port = *number;
  }
  return out;
}

bool goes_direct(std::string_view list, const http_origin& origin) {
  while (!list.empty()) {
    const auto end = std::min(list.find_first_of(", \t"), list.size());
    if (const auto entry = list.substr(0, end); !entry.empty() && names(entry, origin)) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

std::optional<http_proxy> proxy_for(const config::provider_config& provider,
                                    const http_origin& origin,
                                    const proxy_environment& environment) {
  if (provider.proxy == "none") return std::nullopt;
  if (!provider.proxy.empty()) return read_proxy(provider.proxy, "provider " + provider.name);
  const auto& url = origin.tls ? environment.https : environment.http;
  if (url.empty() || is_loopback(origin) || goes_direct(environment.direct, origin))
    return std::nullopt;
  return read_proxy(url, origin.tls ? "HTTPS_PROXY" : "HTTP_PROXY");
}

} // namespace echelon::providers
