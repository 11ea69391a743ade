/// Runs exchanges to their end on an io_context of the test's own thread.
#pragma once

#include "providers/transport.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace echelon::test {

/// What came of one exchange.
struct fetched {
  int status = 0; ///< 0: no head came.
  providers::header_list headers;
  std::string body; ///< Also what came before a failure.
  std::vector<std::string> pieces;
  std::optional<providers::transport_error> error;

  /// Value of a header, or "-".
  [[nodiscard]] std::string header(std::string_view name) const;
};

/// Runs `work` on `context` and returns its result. Fails the test after 20 s.
template <class T>
T run(boost::asio::io_context& context, boost::asio::awaitable<T> work) {
  std::optional<T> out;
  std::exception_ptr thrown;
  boost::asio::co_spawn(context, std::move(work), [&](std::exception_ptr error, T value) {
    thrown = std::move(error);
    out.emplace(std::move(value));
  });
  context.restart();
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  while (!out && context.run_one_until(end) > 0) {
  }
  if (!out) throw std::runtime_error("the work did not end");
  if (thrown) std::rethrow_exception(thrown);
  return std::move(*out);
}

/// One exchange from start to end. `timeout` is that of the whole.
[[nodiscard]] boost::asio::awaitable<fetched>
fetch(providers::transport& via, config::provider_config provider,
      providers::http_request request = {},
      std::chrono::milliseconds timeout = std::chrono::seconds{15});

/// POST of `body` to `target`.
[[nodiscard]] providers::http_request post(std::string target, std::string body,
                                           providers::header_list headers = {});

} // namespace echelon::test
