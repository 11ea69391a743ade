/// What the router has beside the APIs of LLMs.
#pragma once

#include <string_view>

namespace echelon::gateway {

/// The methods of `path` as the header Allow lists them; empty: it is not known here.
[[nodiscard]] std::string_view methods_of(std::string_view path);

/// Whether `method` is in such a list.
[[nodiscard]] bool allows(std::string_view methods, std::string_view method);

} // namespace echelon::gateway
