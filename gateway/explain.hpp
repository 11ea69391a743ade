/// What would happen to a request for a target right now, and why. Spends nothing and takes no
/// turn.
#pragma once

#include "engine/router.hpp"
#include "messages/admission.hpp"

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>
#include <vector>

namespace echelon::gateway {

using engine::snapshot;

/// The plan of `target` as config::explain_json gives it, with `now` (state) and `refuses` (why, or
/// null) at every level, stage and model, and `chosen`: the first model that could start now. Which
/// of several models of a tier is first is up to the tier's rotation. Nothing if there is no such
/// target.
[[nodiscard]] std::optional<nlohmann::json>
explain_now(const snapshot& config, const std::string& target,
            const std::vector<messages::actor_state>& states);

} // namespace echelon::gateway
