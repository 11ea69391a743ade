/// The state of the whole router as JSON: what `GET /admin/state` answers.
#pragma once

#include "engine/router.hpp"

#include <boost/asio/awaitable.hpp>

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <vector>

namespace echelon::engine {

/// How long actors have for an answer about themselves.
inline constexpr std::chrono::seconds time_for_state{2};

/// Of every actor that answers in time.
[[nodiscard]] boost::asio::awaitable<std::vector<messages::actor_state>> actor_states(router& of);

[[nodiscard]] nlohmann::json state_json(router& of,
                                        const std::vector<messages::actor_state>& actors);

} // namespace echelon::engine
