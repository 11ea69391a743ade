/// Answers of the admin API.
#pragma once

#include "gateway/connection.hpp"

#include <boost/asio/awaitable.hpp>

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace echelon::gateway {

/// `body` must live until it is done.
boost::asio::awaitable<void> answer(connection& to, int status, const nlohmann::json& body);
/// An error in OpenAI's shape.
boost::asio::awaitable<void> fail(connection& to, int status, std::string message,
                                  std::string code);

} // namespace echelon::gateway
