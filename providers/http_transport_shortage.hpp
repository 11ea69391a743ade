/// Failures to reach an upstream that are our own: this process or machine is out of something.
#pragma once

#include <boost/system/error_code.hpp>

namespace echelon::providers {

/// Whether `ec` says that there was no descriptor to be had: EMFILE, ENFILE.
[[nodiscard]] bool is_descriptor_shortage(const boost::system::error_code& ec);

/// Whether `ec` says that we are out of descriptors, ports (EADDRNOTAVAIL), buffers or memory, and
/// nothing of the upstream.
[[nodiscard]] bool is_shortage(const boost::system::error_code& ec);

/// Why no descriptor could be opened right now; no error if one can. For callers of libraries that
/// open files and do not tell why that failed.
[[nodiscard]] boost::system::error_code descriptor_shortage();

} // namespace echelon::providers
