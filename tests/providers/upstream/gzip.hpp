/// Compresses for tests.
#pragma once

#include <string>
#include <string_view>

namespace echelon::test {

enum class coding { gzip, zlib, raw };
[[nodiscard]] std::string compress(std::string_view text, coding how);

} // namespace echelon::test
