/// The part of the admin API that is about keys and usage.
#pragma once

#include "gateway/session.hpp"

#include <boost/asio/awaitable.hpp>

#include <string_view>

namespace echelon::gateway {

/// `path` is what follows `/admin/`, without its query. False: it is none of ours.
[[nodiscard]] boost::asio::awaitable<bool> serve_accounts(engine::router& of, connection& client,
                                                          const http_message& m,
                                                          std::string_view path);

} // namespace echelon::gateway
