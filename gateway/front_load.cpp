#include "gateway/front_load.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace echelon::gateway {

using engine::api_error;
using policy::shed_reason;

bool front_load::enter_connection(const std::string& address, const config::server_config& limits) {
  const std::lock_guard lock{connection_mutex_};
  if (connections_ >= std::min(limits.max_connections, most_connections)) {
    ++refused_.at(connection_limit);
    return false;
  }
  const auto known = by_address_.find(address);
  const auto own = known == by_address_.end() ? 0 : known->second;
  if (limits.max_connections_per_client > 0 && own >= limits.max_connections_per_client) {
    ++refused_.at(client_connections);
    return false;
  }
  by_address_[address] = own + 1;
  ++connections_;
  return true;
}

void front_load::leave_connection(const std::string& address) {
  const std::lock_guard lock{connection_mutex_};
  const auto known = by_address_.find(address);
  if (known == by_address_.end()) return;
  --connections_;
  if (--known->second == 0) by_address_.erase(known);
}

std::optional<api_error> front_load::enter_request(const std::string& client, std::uint8_t priority,
                                                   const config::server_config& limits) {
  shed_reason why{};
  {
    const std::lock_guard lock{request_mutex_};
    why = requests_.enter(client, priority,
                          {static_cast<std::int64_t>(limits.max_requests),
                           static_cast<std::int64_t>(limits.max_requests_per_client)});
  }
  switch (why) {
  case shed_reason::none: return std::nullopt;
  case shed_reason::full:
    ++refused_.at(request_limit);
    return api_error{503,
                     fmt::format("The router is overloaded: {} requests are the most it takes "
                                 "(server.max_requests), the important ones first. Try again.",
                                 limits.max_requests),
                     "server_error", "overloaded", ""};
  case shed_reason::fair_share:
    ++refused_.at(fair_share);
    return api_error{429,
                     "The router is busy and you have your share of it: others want some too. "
                     "Try again when one of your requests has ended.",
                     "rate_limit_error", "fair_share_exceeded", ""};
  case shed_reason::client_cap:
    ++refused_.at(client_requests);
    return api_error{429,
                     fmt::format("You have {} requests under way, the most one client may have "
                                 "(server.max_requests_per_client).",
                                 limits.max_requests_per_client),
                     "rate_limit_error", "too_many_requests", ""};
  }
  return std::nullopt;
}

void front_load::leave_request(const std::string& client) {
  const std::lock_guard lock{request_mutex_};
  requests_.leave(client);
}

bool front_load::take_bytes(std::uint64_t more, std::uint64_t limit) {
  auto now = bytes_.load();
  do {
    if (now + more > limit) {
      ++refused_.at(memory);
      return false;
    }
  } while (!bytes_.compare_exchange_weak(now, now + more));
  return true;
}

std::string front_load::metrics() const {
  auto text = fmt::format("# HELP echelon_http_connections Connections of clients.\n"
                          "# TYPE echelon_http_connections gauge\n"
                          "echelon_http_connections {}\n"
                          "# HELP echelon_http_held_bytes Bodies of requests under way.\n"
                          "# TYPE echelon_http_held_bytes gauge\n"
                          "echelon_http_held_bytes {}\n"
                          "# HELP echelon_http_shed_total Connections and requests refused to "
                          "protect the others, by reason.\n"
                          "# TYPE echelon_http_shed_total counter\n",
                          connections_.load(), bytes_.load());
  constexpr std::array<std::string_view, whats> names{
      "connection_limit", "client_connections", "no_descriptor", "request_limit",
      "fair_share",       "client_requests",    "memory"};
  for (std::size_t i = 0; i < names.size(); ++i)
    text += fmt::format("echelon_http_shed_total{{reason=\"{}\"}} {}\n", names.at(i),
                        refused_.at(i).load());
  if (const auto end = certificate_end.load(); end != 0)
    text += fmt::format("# HELP echelon_http_certificate_end_seconds When the certificate that "
                        "clients see ends, Unix time.\n"
                        "# TYPE echelon_http_certificate_end_seconds gauge\n"
                        "echelon_http_certificate_end_seconds {}\n",
                        end);
  return text;
}

} // namespace echelon::gateway
