/// Who may call.
#pragma once

#include "config/router_config.hpp"

#include <string>
#include <string_view>

namespace echelon::gateway {

/// Whether `presented` is one of the configured client keys; true if none is configured. The time
/// it takes does not depend on the keys' contents.
[[nodiscard]] bool client_allowed(const config::auth_config& auth, std::string_view presented);

/// Whether both are the same, in time that does not depend on their contents.
[[nodiscard]] bool same_secret(std::string_view a, std::string_view b);

/// The key of `Authorization: Bearer KEY` or `x-api-key: KEY`; empty if neither is there.
[[nodiscard]] std::string_view presented_key(std::string_view authorization,
                                             std::string_view x_api_key);

} // namespace echelon::gateway
