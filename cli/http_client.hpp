/// A small blocking HTTP client for the commands that talk to a running router.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace echelon::cli {

struct http_answer {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers; ///< Names in lower case.
  std::string body; ///< Empty where the pieces went to `on_piece`.
  [[nodiscard]] std::string header(std::string_view name) const;
};

struct server_address {
  std::string host, port; ///< `host` without brackets.
};
/// Where `url` (http only; port 80 if it names none) leads; what follows the port is read over.
/// Throws std::runtime_error with a text for people.
server_address split_url(const std::string& url);

/// Thrown where a request was given up.
struct request_given_up {};

/// One request to `url` (http only, e.g. http://127.0.0.1:8080) and `path`. With `on_piece`, the
/// body of a 200 goes there as it comes. Throws std::runtime_error with a text for people. `wake`:
/// a descriptor; once it is readable the request is given up and request_given_up thrown. -1: none.
http_answer request(const std::string& url, const std::string& method, const std::string& path,
                    const std::vector<std::pair<std::string, std::string>>& headers,
                    const std::string& body,
                    const std::function<void(std::string_view)>& on_piece = {}, int wake = -1);

} // namespace echelon::cli
