/// Tells listeners of changes that nobody else announces: breakers, owners, members.
#pragma once

#include "engine/router.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <memory>

namespace echelon::engine {

/// Runs until `tick`, its own timer, is cancelled. While somebody listens to the router's events,
/// looks at every actor and at the cluster each 250 ms and publishes what differs from the look
/// before: `breaker` and `owner` of an actor, `member` and `quorum` of the cluster; `watching`
/// after the first. A change that is undone between two looks is not seen. While nobody listens it
/// costs a look at one number.
boost::asio::awaitable<void> announce_changes(router& of,
                                              std::shared_ptr<boost::asio::steady_timer> tick);

} // namespace echelon::engine
