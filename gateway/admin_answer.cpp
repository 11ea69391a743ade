#include "gateway/admin_answer.hpp"

#include "engine/errors.hpp"
#include "gateway/front/front.hpp"
#include "gateway/session.hpp"
#include "providers/json_read.hpp"

#include <nlohmann/json.hpp>

namespace echelon::gateway {

namespace asio = boost::asio;
using nlohmann::json;

asio::awaitable<void> answer(connection& to, int status, const json& body) {
  const header_fields none;
  const auto text = providers::dump(body);
  co_await write_answer(to, status, "application/json", none, text);
}

asio::awaitable<void> fail(connection& to, int status, std::string message, std::string code) {
  const api_error error{status, std::move(message), "invalid_request_error", std::move(code), ""};
  const header_fields none;
  const auto text = openai_chat_front().error_body(error, "");
  co_await write_answer(to, status, "application/json", none, text);
}

} // namespace echelon::gateway
