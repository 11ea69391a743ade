#include "config/times.hpp"

#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>

namespace echelon::config {

namespace {
constexpr const char* form = "%Y-%m-%dT%H:%M:%SZ";
}

std::optional<std::chrono::sys_seconds> read_utc(std::string_view text) {
  const std::string whole{text};
  std::tm parts{};
  const char* end = strptime(whole.c_str(), form, &parts);
  if (end == nullptr || *end != '\0') return std::nullopt;
  const std::chrono::sys_seconds found{std::chrono::seconds{timegm(&parts)}};
  // strptime takes the 31st of any month, and fewer digits.
  if (write_utc(found) != text) return std::nullopt;
  return found;
}

std::string write_utc(std::chrono::sys_seconds x) {
  const std::time_t seconds = x.time_since_epoch().count();
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const auto size = std::strftime(text.data(), text.size(), form, &parts);
  return {text.data(), size};
}

std::string plain(double x) {
  std::array<char, 400> text{}; // The largest has 309 digits.
  auto* const from = text.data();
  const auto end = std::to_chars(from, from + text.size(), x, std::chars_format::fixed);
  return {from, end.ptr};
}

std::string in_seconds(std::chrono::nanoseconds x) {
  return plain(std::chrono::duration<double>(x).count()) + " s";
}

} // namespace echelon::config
