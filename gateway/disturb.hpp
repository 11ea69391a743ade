/// Faults on purpose, for chaos tests.
#pragma once

#include "engine/router.hpp"
#include "gateway/connection.hpp"

#include <boost/asio/awaitable.hpp>

#include <string_view>

namespace echelon::gateway {

/// Answers POST actors/PATH/VERB[?PARAMETER=N]: `rest` is PATH/VERB, where PATH may be URL-encoded.
/// @returns False: there is no such verb.
boost::asio::awaitable<bool> serve_disturbance(engine::router& of, connection& client,
                                               std::string_view rest, std::string_view query);

} // namespace echelon::gateway
