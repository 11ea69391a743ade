/// Failures of attempts, normalised from what the three wire formats say.
#pragma once

#include "providers/adapter.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace echelon::providers {

/// A failure with the `type` and `code` that its class has in OpenAI's words, unless `code` is
/// given.
[[nodiscard]] upstream_failure make_failure(policy::failure_class kind, int status,
                                            std::string message, std::string code = {},
                                            std::string param = {});

/// A 2xx answer, or a piece of a stream, that is no valid answer.
[[nodiscard]] upstream_failure invalid_reply(std::string message);

/// A stream without its proper end: server_error, code `stream_interrupted`.
[[nodiscard]] upstream_failure cut_stream();

/// A non-2xx answer in any of the formats (OpenAI, Anthropic, Google RPC, or no JSON at all).
[[nodiscard]] upstream_failure read_failure(int status, const header_list& headers,
                                            std::string_view body,
                                            std::chrono::system_clock::time_point now);

/// The error object inside a 2xx answer or a stream event, if there is one. Its status is the HTTP
/// status its words stand for; 500 if they say nothing.
[[nodiscard]] std::optional<upstream_failure> embedded_failure(const nlohmann::json& body);

/// What a body of a 2xx that should be JSON and is not amounts to.
[[nodiscard]] upstream_failure not_json(std::string_view body);

/// Ends a translation: the request cannot be sent. Internal to adapters, caught in build().
struct translation_error {
  upstream_failure failure;
};

/// The client's request is wrong in `param`: 400 for every provider.
[[nodiscard]] translation_error wrong_field(std::string param, std::string message);

/// The client's request is right, but this provider has no form for `param`.
[[nodiscard]] translation_error no_form_for(std::string param, std::string message);

} // namespace echelon::providers
