#include "providers/http_transport_origin.hpp"

#include "providers/transport.hpp"

#include <boost/asio/ip/address.hpp>

#include <charconv>
#include <string_view>

namespace echelon::providers {

namespace {

[[noreturn]] void refuse(const config::provider_config& provider, std::string_view why) {
  throw transport_error(transport_error::reason::network,
                        "base_url of provider " + provider.name
                            + " cannot be used: " + std::string{why});
}

std::string bracketed(const std::string& host) {
  return host.find(':') != std::string::npos ? '[' + host + ']' : host;
}

} // namespace

std::string http_proxy::str() const {
  return bracketed(host) + ':' + std::to_string(port);
}

http_origin http_origin::peer() const {
  if (!proxy) return *this;
  http_origin out;
  out.host = proxy->host;
  out.port = proxy->port;
  boost::system::error_code ec;
  boost::asio::ip::make_address(out.host, ec);
  out.is_address = !ec;
  return out;
}

std::string http_origin::host_header() const {
  auto text = bracketed(host);
  if (port != (tls ? 443 : 80)) text += ':' + std::to_string(port);
  return text;
}

std::string http_origin::str() const {
  return bracketed(host) + ':' + std::to_string(port);
}

http_origin origin_of(const config::provider_config& provider) {
  std::string_view url = provider.base_url;
  http_origin out;
  if (url.starts_with("http://")) {
    url.remove_prefix(7);
  } else if (url.starts_with("https://")) {
    url.remove_prefix(8);
    out.tls = true;
  } else {
    refuse(provider, "no http:// or https:// in front");
  }
  out.port = out.tls ? 443 : 80;
  out.ca_file = provider.ca_file;
  auto authority = url.substr(0, url.find_first_of("/?#"));
  std::string_view port;
  if (authority.starts_with('[')) {
    const auto end = authority.find(']');
    if (end == std::string_view::npos) refuse(provider, "no ] after the IPv6 address");
    out.host = authority.substr(1, end - 1);
    port = authority.substr(end + 1);
  } else {
    const auto colon = authority.find(':');
    out.host = authority.substr(0, colon);
    if (colon != std::string_view::npos) port = authority.substr(colon);
  }
  if (out.host.empty()) refuse(provider, "no host");
  if (out.host.find_first_of("@ \t\r\n") != std::string::npos) refuse(provider, "bad host");
  if (!port.empty()) {
    if (!port.starts_with(':')) refuse(provider, "bad port");
    port.remove_prefix(1);
    unsigned number = 0;
    const auto [end, ec] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (ec != std::errc{} || end != port.data() + port.size() || number == 0 || number > 65535)
      refuse(provider, "bad port");
    out.port = static_cast<std::uint16_t>(number);
  }
  boost::system::error_code ec;
  boost::asio::ip::make_address(out.host, ec);
  out.is_address = !ec;
  if (authority.starts_with('[') && !out.is_address) refuse(provider, "bad IPv6 address");
  return out;
}

} // namespace echelon::providers
