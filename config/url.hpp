/// Base URLs of providers.
#pragma once

#include <optional>
#include <string>

namespace echelon::config {

/// Checks `scheme://host[:port][/path]` (RFC 3986; IPv6 literals in brackets) and takes off
/// trailing slashes. @returns Nothing, with `why` saying what is wrong.
[[nodiscard]] std::optional<std::string> check_base_url(const std::string& url, std::string& why);

} // namespace echelon::config
