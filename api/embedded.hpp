/// A router in this process.
#pragma once

#include "api/backend.hpp"

#include <echelon/factory.hpp>

#include <memory>

namespace caf {
class actor_system;
}

namespace echelon::api {

/// `host` may be null: then the router has an actor system of its own. Throws LlmError
/// (configuration).
[[nodiscard]] std::shared_ptr<backend>
make_embedded(const ConfigManager& config, const FactoryOptions& options, caf::actor_system* host);

} // namespace echelon::api
