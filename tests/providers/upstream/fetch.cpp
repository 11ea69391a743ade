#include "fetch.hpp"

namespace echelon::test {

std::string fetched::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (key == name) return value;
  return "-";
}

boost::asio::awaitable<fetched> fetch(providers::transport& via, config::provider_config provider,
                                      providers::http_request request,
                                      std::chrono::milliseconds timeout) {
  fetched out;
  const auto call = via.open(provider);
  call->expires_at(std::chrono::steady_clock::now() + timeout);
  try {
    auto head = co_await call->start(std::move(request));
    out.status = head.status;
    out.headers = std::move(head.headers);
    for (;;) {
      auto piece = co_await call->read();
      if (piece.empty()) break;
      out.body += piece;
      out.pieces.push_back(std::move(piece));
    }
  } catch (const providers::transport_error& error) {
    out.error = error;
  }
  co_return out;
}

providers::http_request post(std::string target, std::string body, providers::header_list headers) {
  providers::http_request out;
  out.target = std::move(target);
  out.body = std::move(body);
  out.headers = std::move(headers);
  return out;
}

} // namespace echelon::test
