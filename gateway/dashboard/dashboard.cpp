#include "gateway/dashboard/dashboard.hpp"

#include <algorithm>
#include <string>

namespace echelon::gateway {

namespace {

const dashboard_file* find(std::string_view path) {
  constexpr std::string_view root = "/dashboard";
  if (path.substr(0, root.size()) != root) return nullptr;
  auto name = path.substr(root.size());
  if (name.empty())
    name = "index.html";
  else if (name.front() == '/')
    name.remove_prefix(1);
  else
    return nullptr;
  const auto files = dashboard_files();
  const auto i = std::find_if(files.begin(), files.end(),
                              [name](const dashboard_file& x) { return x.name == name; });
  return i == files.end() ? nullptr : &*i;
}

} // namespace

boost::asio::awaitable<bool> serve_dashboard(connection& client, std::string_view path,
                                             std::string_view if_none_match) {
  header_fields headers;
  if (path == "/dashboard/") {
    headers.emplace_back("Location", "../dashboard"); // Its links are relative to the other one.
    co_await write_answer(client, 308, "text/plain", headers, "");
    co_return true;
  }
  const auto* file = find(path);
  if (file == nullptr) co_return false;
  headers.emplace_back("ETag", std::string{file->etag});
  headers.emplace_back("Cache-Control", "no-cache");
  headers.emplace_back("X-Content-Type-Options", "nosniff");
  headers.emplace_back("Referrer-Policy", "no-referrer");
  headers.emplace_back("Content-Security-Policy",
                       "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
                       "connect-src 'self'; base-uri 'none'; form-action 'none'; "
                       "frame-ancestors 'none'");
  if (if_none_match == file->etag)
    co_await write_answer(client, 304, file->type, headers, "");
  else
    co_await write_answer(client, 200, file->type, headers, file->body);
  co_return true;
}

} // namespace echelon::gateway
