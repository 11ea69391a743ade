/// Active health checks of pools: ejected members are asked, not waited for.
#pragma once

#include "engine/router.hpp"
#include "providers/transport.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <memory>

namespace echelon::engine {

/// Runs until `tick`, its own timer, is cancelled. Each `health_check_interval` of a pool, every
/// member that the pool has ejected gets one minimal completion (one token) sent to the models of
/// its tiers, in order, until one answers. No permit and no rate unit of users is taken for it. A
/// model that answers brings the member back at once, and its tier, group and the model itself,
/// where open, may be tried again; if none answers the member stays out for another
/// `recovery_time`. `upstreams` belongs to the executor that this runs on.
boost::asio::awaitable<void> check_health(router& of, providers::transport& upstreams,
                                          std::shared_ptr<boost::asio::steady_timer> tick);

} // namespace echelon::engine
