/// Reads requests from one client connection and answers them, one after the other.
#pragma once

#include "engine/router.hpp"
#include "gateway/connection.hpp"
#include "providers/transport.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include <memory>

namespace echelon::gateway {

using engine::router;

using http_message = boost::beast::http::request<boost::beast::http::string_body>;

/// Serves the connection until it closes, breaks the protocol, or the router drains.
boost::asio::awaitable<void> serve_connection(router& of, providers::transport& upstreams,
                                              std::shared_ptr<connection> client);

/// Answers /healthz, /readyz, /metrics, /v1/models and /admin/*. @returns False: not such a path.
boost::asio::awaitable<bool> serve_admin(router& of, connection& client,
                                         const http_message& message);

/// Notes what `message` changed through /admin/*, or was not let, in the audit log: when the status
/// of its answer is known, before the client has it.
void audit_admin(router& of, const connection& client, const http_message& message);

} // namespace echelon::gateway
