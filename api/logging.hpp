/// The log of routers in a host's process.
#pragma once

namespace echelon::api {

/// Without set_log() nothing is logged: the host's output is its own.
void keep_log_quiet();

} // namespace echelon::api
