/// How long an upstream asks to be left alone.
#pragma once

#include "providers/adapter.hpp"

#include <chrono>
#include <optional>
#include <string_view>

namespace echelon::providers {

/// The wait that `retry-after-ms`, else `retry-after` (seconds with an optional fraction, or an
/// HTTP date, RFC 9110 section 10.2.3) names. A date in the past is zero. Values that are negative,
/// no number, or longer than a year are taken as absent; of several valid ones the longest rules.
[[nodiscard]] std::optional<std::chrono::nanoseconds>
retry_after(const header_list& headers, std::chrono::system_clock::time_point now);

/// The wait until a used-up limit is filled again, from `x-ratelimit-reset-*` (durations such as
/// `6m0s`) and `anthropic-ratelimit-*-reset` (RFC 3339) of each axis whose `remaining` is 0; the
/// longest rules. Absent if no axis is used up.
[[nodiscard]] std::optional<std::chrono::nanoseconds>
limit_reset(const header_list& headers, std::chrono::system_clock::time_point now);

/// A span as Go and Google's protobuf write it: `12ms`, `1s`, `0.5s`, `6m0s`, `1h2m3s`.
[[nodiscard]] std::optional<std::chrono::nanoseconds> parse_span(std::string_view text);

} // namespace echelon::providers
