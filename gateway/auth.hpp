/// Who may call, and for what.
#pragma once

#include "config/router_config.hpp"
#include "engine/api_error.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace echelon::gateway {

/// Who calls.
struct caller {
  std::string name;                              ///< Of the key; empty: none is asked for.
  const config::client_config* rights = nullptr; ///< Of the configuration; null: may do all.
};

/// Whose key `presented` is at `now`; a caller without a name if no key is configured. Nothing: it
/// is unknown or has expired. The time it takes does not depend on the keys' contents.
[[nodiscard]] std::optional<caller> find_caller(const config::auth_config& auth,
                                                std::string_view presented,
                                                std::chrono::system_clock::time_point now);

/// Whether `who` may ask for this target.
[[nodiscard]] bool may_ask(const caller& who, std::string_view target);

/// Why the request may not be made: of all it names (`more`: its fallbacks) one is not allowed, or
/// it brings a node of its own (`own_node`), which could lead anywhere. Nothing: it may.
[[nodiscard]] std::optional<engine::api_error> forbidden(const caller& who, std::string_view target,
                                                         const std::vector<std::string>& more,
                                                         bool own_node);

/// Whether both are the same, in time that does not depend on their contents.
[[nodiscard]] bool same_secret(std::string_view a, std::string_view b);

/// The key of `Authorization: Bearer KEY` or `x-api-key: KEY`; empty if neither is there.
[[nodiscard]] std::string_view presented_key(std::string_view authorization,
                                             std::string_view x_api_key);

} // namespace echelon::gateway
