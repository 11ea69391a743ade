#include "config/url.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>
#include <charconv>

namespace echelon::config {
namespace {

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool good_port(const std::string& port) {
  if (port.empty() || port.size() > 5
      || !std::all_of(port.begin(), port.end(),
                      [](unsigned char c) { return std::isdigit(c) != 0; }))
    return false;
  const auto number = std::stoi(port);
  return number >= 1 && number <= 65535;
}

bool good_host(const std::string& host) {
  return !host.empty() && host.size() <= 253
         && std::all_of(host.begin(), host.end(), [](unsigned char c) {
              return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_';
            });
}

} // namespace

std::optional<std::string> check_base_url(const std::string& url, std::string& why) {
  const auto scheme_end = url.find("://");
  const auto scheme = url.substr(0, scheme_end);
  if (scheme_end == std::string::npos || (scheme != "http" && scheme != "https")) {
    why = "it must start with http:// or https://";
    return std::nullopt;
  }
  if (url.find_first_of(" \t\r\n?#") != std::string::npos) {
    why = "it holds a blank, a query or a fragment";
    return std::nullopt;
  }
  const auto slash = url.find('/', scheme_end + 3);
  const auto authority =
      url.substr(scheme_end + 3, slash == std::string::npos ? slash : slash - scheme_end - 3);
  if (authority.find('@') != std::string::npos) {
    why = "user and password do not belong there";
    return std::nullopt;
  }
  std::string host = authority, port;
  bool has_port = false;
  if (!authority.empty() && authority.front() == '[') {
    const auto close = authority.find(']');
    in6_addr ignored{};
    if (close == std::string::npos
        || inet_pton(AF_INET6, authority.substr(1, close - 1).c_str(), &ignored) != 1) {
      why = "the IPv6 address in brackets is not one";
      return std::nullopt;
    }
    const auto rest = authority.substr(close + 1);
    host.clear();
    has_port = !rest.empty();
    if (has_port && rest.front() != ':') {
      why = "there is something behind the bracket that is no port";
      return std::nullopt;
    }
    port = has_port ? rest.substr(1) : "";
  } else {
    if (std::count(authority.begin(), authority.end(), ':') > 1) {
      why = "an IPv6 address must be in brackets, such as http://[::1]:8080";
      return std::nullopt;
    }
    const auto colon = authority.find(':');
    has_port = colon != std::string::npos;
    host = authority.substr(0, colon);
    port = has_port ? authority.substr(colon + 1) : "";
    if (!good_host(host)) {
      why = "the host '" + host + "' is not a name or an address";
      return std::nullopt;
    }
  }
  if (has_port && !good_port(port)) {
    why = "the port must be from 1 to 65535";
    return std::nullopt;
  }
  auto result = url;
  while (result.back() == '/')
    result.pop_back();
  return result;
}

bool split_address(const std::string& text, std::string& host, std::uint16_t& port) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return false;
  auto name = text.substr(0, colon);
  if (name.front() == '[') {
    if (name.back() != ']') return false;
    name = name.substr(1, name.size() - 2);
  } else if (name.find(':') != std::string::npos) {
    return false;
  }
  const auto* end = text.data() + text.size();
  std::uint16_t number = 0;
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, number);
  if (error != std::errc{} || stop != end) return false;
  host = name;
  port = number;
  return true;
}

std::string endpoint::url() const {
  const bool v6 = host.find(':') != std::string::npos;
  return (tls ? "https://" : "http://") + (v6 ? '[' + host + ']' : host) + ':'
         + std::to_string(port);
}

std::optional<endpoint> split_endpoint(const std::string& text) {
  endpoint x;
  const auto scheme = text.find("://");
  const auto name = text.substr(0, scheme);
  x.tls = name == "https";
  if (scheme != std::string::npos && name != "http" && name != "https") return std::nullopt;
  auto rest = scheme == std::string::npos ? text : text.substr(scheme + 3);
  while (!rest.empty() && rest.back() == '/')
    rest.pop_back();
  if (!split_address(rest, x.host, x.port) || x.port == 0) return std::nullopt;
  in6_addr ignored{};
  const bool v6 = rest.front() == '[';
  if (v6 ? inet_pton(AF_INET6, x.host.c_str(), &ignored) != 1 : !good_host(x.host))
    return std::nullopt;
  return x;
}

std::string escaped(std::string_view text, std::string_view plain) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || plain.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += '%';
      out += digits[byte >> 4U];
      out += digits[byte & 15U];
    }
  }
  return out;
}

std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0) {
      out += static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

} // namespace echelon::config
