#include "providers/retry_after.hpp"

#include "providers/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <string>

namespace echelon::providers {
namespace {

using std::chrono::nanoseconds;
using std::chrono::system_clock;
using wait = std::optional<nanoseconds>;

constexpr double year_in_seconds = 366.0 * 86400.0;

std::optional<double> parse_number(std::string_view text) {
  const auto plain = [](char c) { return (c >= '0' && c <= '9') || c == '.'; };
  // from_chars would take "inf", "nan" and a sign.
  if (text.empty() || !std::all_of(text.begin(), text.end(), plain)) return std::nullopt;
  double value = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, std::chars_format::fixed);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

wait from_seconds(std::optional<double> seconds) {
  if (!seconds || !(*seconds >= 0) || *seconds > year_in_seconds) return std::nullopt;
  return std::chrono::duration_cast<nanoseconds>(std::chrono::duration<double>{*seconds});
}

wait until(system_clock::time_point then, system_clock::time_point now) {
  if (then <= now) return nanoseconds{0};
  return from_seconds(std::chrono::duration<double>{then - now}.count());
}

std::optional<system_clock::time_point> make_time(int year, int month, int day, int hour,
                                                  int minute, int second) {
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (year < 1970 || year > 2200 || !date.ok() || hour > 23 || minute > 59 || second > 60)
    return std::nullopt;
  if (hour < 0 || minute < 0 || second < 0) return std::nullopt;
  return std::chrono::sys_days{date} + std::chrono::hours{hour} + std::chrono::minutes{minute}
         + std::chrono::seconds{second};
}

int month_number(std::string_view name) {
  constexpr std::array<std::string_view, 12> names{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto it = std::find(names.begin(), names.end(), name);
  return it == names.end() ? 0 : static_cast<int>(it - names.begin()) + 1;
}

// The three forms of RFC 9110 section 5.6.7; all are in GMT.
std::optional<system_clock::time_point> parse_http_date(std::string_view value) {
  const std::string text{value.substr(0, 64)};
  std::array<char, 4> month{};
  int day = 0, year = 0, hour = 0, minute = 0, second = 0, used = 0;
  if (std::sscanf(text.c_str(), "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n", &day,
                  month.data(), &year, &hour, &minute, &second, &used)
          == 6
      && used > 0)
    return make_time(year, month_number(month.data()), day, hour, minute, second);
  used = 0;
  if (std::sscanf(text.c_str(), "%*9[A-Za-z], %2d-%3[A-Za-z]-%2d %2d:%2d:%2d GMT%n", &day,
                  month.data(), &year, &hour, &minute, &second, &used)
          == 6
      && used > 0)
    return make_time(year < 70 ? year + 2000 : year + 1900, month_number(month.data()), day, hour,
                     minute, second);
  if (std::sscanf(text.c_str(), "%*3[A-Za-z] %3[A-Za-z] %2d %2d:%2d:%2d %4d", month.data(), &day,
                  &hour, &minute, &second, &year)
      == 6)
    return make_time(year, month_number(month.data()), day, hour, minute, second);
  return std::nullopt;
}

// `2026-01-27T12:00:30Z`; fractions are cut, offsets other than Z are not used by the provider.
std::optional<system_clock::time_point> parse_rfc3339(std::string_view value) {
  const std::string text{value.substr(0, 64)};
  int day = 0, month = 0, year = 0, hour = 0, minute = 0, second = 0;
  if (std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d", &year, &month, &day, &hour, &minute,
                  &second)
          != 6
      || !text.ends_with('Z'))
    return std::nullopt;
  return make_time(year, month, day, hour, minute, second);
}

void keep_longest(wait& best, wait value) {
  if (value && (!best || *best < *value)) best = value;
}

bool used_up(const header_list& headers, std::string_view name) {
  return std::any_of(headers.begin(), headers.end(), [&](const auto& header) {
    return same_text(header.first, name) && parse_number(trim(header.second)) == 0.0;
  });
}

} // namespace

wait retry_after(const header_list& headers, system_clock::time_point now) {
  wait best;
  for (const auto& [name, value] : headers)
    if (same_text(name, "retry-after-ms"))
      if (const auto ms = parse_number(trim(value))) keep_longest(best, from_seconds(*ms / 1000));
  if (best) return best;
  wait date;
  for (const auto& [name, value] : headers) {
    if (!same_text(name, "retry-after")) continue;
    const auto text = trim(value);
    if (const auto seconds = parse_number(text))
      keep_longest(best, from_seconds(seconds));
    else if (const auto then = parse_http_date(text))
      keep_longest(date, until(*then, now));
  }
  return best ? best : date;
}

wait limit_reset(const header_list& headers, system_clock::time_point now) {
  constexpr std::array<std::string_view, 2> openai{"requests", "tokens"};
  constexpr std::array<std::string_view, 4> anthropic{"requests", "tokens", "input-tokens",
                                                      "output-tokens"};
  wait best;
  const auto look = [&](const std::string& remaining, const std::string& reset, auto&& read) {
    if (!used_up(headers, remaining)) return;
    for (const auto& [name, value] : headers)
      if (same_text(name, reset)) keep_longest(best, read(trim(value)));
  };
  for (const auto axis : openai)
    look("x-ratelimit-remaining-" + std::string{axis}, "x-ratelimit-reset-" + std::string{axis},
         [](std::string_view text) { return parse_span(text); });
  for (const auto axis : anthropic) {
    const auto prefix = "anthropic-ratelimit-" + std::string{axis};
    look(prefix + "-remaining", prefix + "-reset", [&](std::string_view text) -> wait {
      const auto then = parse_rfc3339(text);
      return then ? until(*then, now) : std::nullopt;
    });
  }
  return best;
}

wait parse_span(std::string_view text) {
  if (text.empty()) return std::nullopt;
  double seconds = 0;
  while (!text.empty()) {
    const auto digits = std::min(text.find_first_not_of("0123456789."), text.size());
    const auto number = parse_number(text.substr(0, digits));
    text.remove_prefix(digits);
    const auto letters = std::min(text.find_first_of("0123456789."), text.size());
    const auto unit = text.substr(0, letters);
    text.remove_prefix(letters);
    if (!number) return std::nullopt;
    if (unit == "h")
      seconds += *number * 3600;
    else if (unit == "m")
      seconds += *number * 60;
    else if (unit == "s")
      seconds += *number;
    else if (unit == "ms")
      seconds += *number / 1e3;
    else if (unit == "us")
      seconds += *number / 1e6;
    else if (unit == "ns")
      seconds += *number / 1e9;
    else
      return std::nullopt;
  }
  return from_seconds(seconds);
}

} // namespace echelon::providers
