/// The way to a gateway elsewhere: the same calls over its HTTP API.
#pragma once

#include "api/backend.hpp"

#include <echelon/factory.hpp>

#include <memory>
#include <string>

namespace echelon::api {

/// Throws LlmError (configuration) if `url` is none.
[[nodiscard]] std::shared_ptr<backend> make_remote(const std::string& url,
                                                   const RemoteOptions& options);

} // namespace echelon::api
