/// The state of the whole router as JSON: what `GET /admin/state` answers.
#pragma once

#include "engine/router.hpp"

#include <nlohmann/json_fwd.hpp>

#include <vector>

namespace echelon::engine {

[[nodiscard]] nlohmann::json state_json(router& of,
                                        const std::vector<messages::actor_state>& actors);

} // namespace echelon::engine
