/// Notices that configuration files have changed.
#pragma once

#include <string>

namespace echelon::gateway {

/// Names, sizes and times of the files of a configuration, a file or a folder. Two equal ones:
/// nothing has changed. Empty where nothing can be read, as while a file is being replaced.
[[nodiscard]] std::string look_of(const std::string& path);

} // namespace echelon::gateway
