/// A request as those see it who look at all of them: traces and the access log.
#pragma once

#include "engine/telemetry/observation.hpp"
#include "gateway/access_line.hpp"
#include "gateway/session.hpp"

#include <boost/beast/http/fields.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace echelon::gateway {

/// Lives from a request's head to its last byte; what is known then goes out at its end, whatever
/// that is. Costs nothing where nobody looks.
class observed_request {
public:
  /// `path`: without its query. `head` is read here only; `client` outlives this. `call`: it asks
  /// for an answer of an LLM; others have no trace.
  observed_request(router& of, const engine::snapshot& now, connection& client,
                   const boost::beast::http::fields& head, std::string_view path,
                   std::string_view method, bool call);
  ~observed_request();
  observed_request(const observed_request&) = delete;
  observed_request& operator=(const observed_request&) = delete;

private:
  [[nodiscard]] engine::span server_span() const;

  router& of_;
  connection& client_;
  request_head head_;
  std::unique_ptr<engine::observation> seen_; // Null: nobody looks.
};

} // namespace echelon::gateway
