/// `GET /admin/events`: what happens in the router, as an event stream.
#pragma once

#include "engine/router.hpp"
#include "gateway/connection.hpp"

#include <boost/asio/awaitable.hpp>

namespace echelon::gateway {

/// Writes events until the client leaves or the router ends. A client that reads slowly loses
/// events beyond the megabyte that waits for it, and gets `event: dropped` with their number.
boost::asio::awaitable<void> serve_events(engine::router& of, connection& client);

} // namespace echelon::gateway
