/// Our request headers.
#pragma once

#include "engine/api_error.hpp"
#include "engine/call.hpp"
#include "gateway/session.hpp"

#include <optional>

namespace echelon::gateway {

/// Reads the headers of `m` into `options` and, for x-echelon-node-config, `request`.
/// @returns An error that names the header at fault.
[[nodiscard]] std::optional<engine::api_error> read_options(const http_message& m,
                                                            const config::RouterConfig& config,
                                                            engine::call_options& options,
                                                            engine::call_request& request);

/// Value of a header; empty if it is absent.
[[nodiscard]] std::string_view field(const http_message& m, std::string_view name);

} // namespace echelon::gateway
