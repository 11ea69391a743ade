#include "providers/retry_after.hpp"

#include <catch2/catch.hpp>

namespace echelon::providers {
namespace {

using namespace std::chrono_literals;
using wait = std::optional<std::chrono::nanoseconds>;

// Sun, 06 Nov 1994 08:49:37 GMT: the example of RFC 9110.
const std::chrono::system_clock::time_point now{784111777s};

wait of(const std::string& value) {
  return retry_after({{"Retry-After", value}}, now);
}

TEST_CASE("RETRY.2 seconds, with a fraction too", "[retry_after]") {
  CHECK(of("2") == wait{2s});
  CHECK(of("1.5") == wait{1500ms});
  CHECK(of(" 3 ") == wait{3s});
  CHECK(of("0") == wait{0s});
}

TEST_CASE("RETRY.2 dates in the three forms of HTTP, the past is zero", "[retry_after]") {
  CHECK(of("Sun, 06 Nov 1994 08:49:39 GMT") == wait{2s});
  CHECK(of("Sunday, 06-Nov-94 08:49:39 GMT") == wait{2s});
  CHECK(of("Sun Nov  6 08:49:39 1994") == wait{2s});
  CHECK(of("Sat, 05 Nov 1994 08:49:39 GMT") == wait{0s});
}

TEST_CASE("RETRY.2 illegal values are taken as absent", "[retry_after]") {
  for (const auto* value :
       {"-5", "abc", "", "nan", "NaN", "inf", "1e3", "+1", "1.2.3", "99999999999999999999",
        "40000000", "Sun, 06 Nov 2094 08:49:39 GMT", "Sun, 31 Feb 1994 08:49:39 GMT",
        "Sun, 06 Abc 1994 08:49:39 GMT", "Sun, 06 Nov 1994 99:49:39 GMT", "2 s"}) {
    INFO(value);
    CHECK(of(value) == std::nullopt);
  }
  CHECK(retry_after({}, now) == std::nullopt);
}

TEST_CASE("RETRY.2 of several values the longest valid one rules", "[retry_after]") {
  CHECK(retry_after({{"retry-after", "1"}, {"retry-after", "3"}}, now) == wait{3s});
  CHECK(retry_after({{"retry-after", "3"}, {"retry-after", "-9"}}, now) == wait{3s});
}

TEST_CASE("RETRY.2 milliseconds come before seconds, numbers before dates", "[retry_after]") {
  CHECK(retry_after({{"retry-after", "7"}, {"Retry-After-Ms", "300"}}, now) == wait{300ms});
  CHECK(retry_after({{"retry-after", "7"}, {"retry-after-ms", "x"}}, now) == wait{7s});
  CHECK(retry_after({{"retry-after", "Sun, 06 Nov 1994 08:50:37 GMT"}, {"retry-after", "1"}}, now)
        == wait{1s});
}

TEST_CASE("spans are read as Go and protobuf write them", "[retry_after]") {
  CHECK(parse_span("52s") == wait{52s});
  CHECK(parse_span("6m0s") == wait{6min});
  CHECK(parse_span("12ms") == wait{12ms});
  CHECK(parse_span("0.5s") == wait{500ms});
  CHECK(parse_span("1h2m3s") == wait{3723s});
  for (const auto* text : {"", "s", "5", "5x", "-1s", "1s2"})
    CHECK(parse_span(text) == std::nullopt);
}

TEST_CASE("the reset of a used-up limit is a wait, that of another is not", "[retry_after]") {
  CHECK(limit_reset({{"x-ratelimit-remaining-requests", "0"},
                     {"x-ratelimit-reset-requests", "6m0s"},
                     {"x-ratelimit-remaining-tokens", "9"},
                     {"x-ratelimit-reset-tokens", "9h"}},
                    now)
        == wait{6min});
  CHECK(limit_reset({{"anthropic-ratelimit-input-tokens-remaining", "0"},
                     {"anthropic-ratelimit-input-tokens-reset", "1994-11-06T08:49:47Z"}},
                    now)
        == wait{10s});
  CHECK(limit_reset({{"x-ratelimit-reset-requests", "6m0s"}}, now) == std::nullopt);
}

} // namespace
} // namespace echelon::providers
