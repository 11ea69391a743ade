/// Every error that the router itself answers: status, words and code.
#pragma once

#include "engine/api_error.hpp"
#include "policy/dispatch.hpp"
#include "providers/adapter.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace echelon::engine {

/// What a request that got no answer is told. `last` is its last upstream failure, if any.
[[nodiscard]] final_error error_of(const policy::give_up& x,
                                   const std::optional<providers::upstream_failure>& last,
                                   std::string_view target);

[[nodiscard]] api_error unknown_target(std::string_view target, const policy::topology& known);
[[nodiscard]] api_error unknown_fallback(std::string_view name, const policy::topology& known);

} // namespace echelon::engine
