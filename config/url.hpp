/// Base URLs of providers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace echelon::config {

/// Checks `scheme://host[:port][/path]` (RFC 3986; IPv6 literals in brackets) and takes off
/// trailing slashes. @returns Nothing, with `why` saying what is wrong.
[[nodiscard]] std::optional<std::string> check_base_url(const std::string& url, std::string& why);

/// Splits `A:P` or `[A6]:P` into host and port; port 0 stands for any free one.
/// @returns False, with `host` and `port` as they were, if it is neither.
[[nodiscard]] bool split_address(const std::string& text, std::string& host, std::uint16_t& port);

/// A server by `http://`, `https://` or no scheme, which is http.
struct endpoint {
  bool tls = false;
  std::string host; ///< Without brackets.
  std::uint16_t port = 0;
  bool operator==(const endpoint&) const = default;
  [[nodiscard]] std::string url() const;
};

/// Splits `[http[s]://]A:P`. @returns Nothing if it is none, or names port 0.
[[nodiscard]] std::optional<endpoint> split_endpoint(const std::string& text);

/// Letters, digits and the characters of `plain` stay as they are; every other byte is %XX.
[[nodiscard]] std::string escaped(std::string_view text, std::string_view plain);
/// Undoes %XX; anything else stays as it is.
[[nodiscard]] std::string unescaped(std::string_view text);

} // namespace echelon::config
