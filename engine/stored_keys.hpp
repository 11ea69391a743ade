/// Keys that the store knows, as part of the configuration in force.
#pragma once

#include "accounts/ledger.hpp"
#include "config/router_config.hpp"

#include <memory>
#include <vector>

namespace echelon::engine {

/// The ledger of `auth.store`; null without one. Throws accounts::store_error.
[[nodiscard]] std::unique_ptr<accounts::ledger> open_ledger(const config::RouterConfig& of);

/// `base` with these keys among its `auth.clients`, but for those that are revoked. A name that the
/// configuration gives itself is the configuration's.
[[nodiscard]] config::router_config_ptr with_keys(config::router_config_ptr base,
                                                  const std::vector<accounts::key_record>& keys);

} // namespace echelon::engine
