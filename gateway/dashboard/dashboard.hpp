/// `/dashboard`: a page over the admin API, from the binary itself.
#pragma once

#include "gateway/connection.hpp"

#include <boost/asio/awaitable.hpp>

#include <span>
#include <string_view>

namespace echelon::gateway {

struct dashboard_file {
  std::string_view name; ///< `index.html`
  std::string_view type; ///< Content-Type.
  std::string_view etag; ///< With its quotes.
  std::string_view body;
};

/// All files of the page.
[[nodiscard]] std::span<const dashboard_file> dashboard_files();

/// Answers `path` if it is one of the page's: `/dashboard`, `/dashboard/FILE`. The page itself
/// holds no secret; what it shows comes from /admin/, which asks for the token. `if_none_match`:
/// the request's. @returns False: not such a path.
boost::asio::awaitable<bool> serve_dashboard(connection& client, std::string_view path,
                                             std::string_view if_none_match);

} // namespace echelon::gateway
