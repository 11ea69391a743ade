/// A transport on the test's own thread.
#pragma once

#include "fetch.hpp"
#include "raw_upstream.hpp"

namespace echelon::test {

struct client {
  boost::asio::io_context context{1};
  std::unique_ptr<providers::transport> transport =
      providers::make_http_transport(context.get_executor());

  fetched get(const config::provider_config& from,
              providers::http_request request = post("/v1/x", "{}"),
              std::chrono::milliseconds timeout = std::chrono::seconds{15}) {
    return run(context, fetch(*transport, from, std::move(request), timeout));
  }
  fetched get(const raw_upstream& from, providers::http_request request = post("/v1/x", "{}"),
              std::chrono::milliseconds timeout = std::chrono::seconds{15}) {
    return get(from.provider(), std::move(request), timeout);
  }
};

} // namespace echelon::test
