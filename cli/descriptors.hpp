/// File descriptors of this process: each connection costs one.
#pragma once

#include <cstddef>

namespace echelon::cli {

/// Takes all the descriptors that this process may have. @returns How many that are.
std::size_t raise_descriptor_limit();

} // namespace echelon::cli
