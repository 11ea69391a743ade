#include "engine/telemetry/trace_context.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <random>

namespace echelon::engine {

namespace {

constexpr std::size_t most_state = 512; // Bytes that everybody passes on.
constexpr std::size_t most_members = 32;

bool is_hex(std::string_view x) {
  return std::all_of(x.begin(), x.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_id(std::string_view x) {
  return is_hex(x) && x.find_first_not_of('0') != std::string_view::npos;
}

/// What may be passed on of `x`.
std::string clean_state(std::string_view x) {
  const auto odd = [](char c) { return c < 0x20 || c > 0x7e; };
  if (std::any_of(x.begin(), x.end(), odd)) return {};
  if (x.find('=') == std::string_view::npos) return {};
  if (x.size() > most_state) {
    const auto comma = x.rfind(',', most_state);
    x = comma == std::string_view::npos ? std::string_view{} : x.substr(0, comma);
  }
  const auto commas = std::count(x.begin(), x.end(), ',');
  if (static_cast<std::size_t>(commas) >= most_members) return {};
  return std::string{x};
}

std::uint64_t random_number() {
  thread_local std::mt19937_64 source = [] {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device()};
    return std::mt19937_64{seed};
  }();
  for (;;)
    if (const auto x = source(); x != 0) return x;
}

} // namespace

std::optional<trace_context> parse_trace_context(std::string_view traceparent,
                                                 std::string_view tracestate) {
  // 00-<32 digits>-<16 digits>-<2 digits>; later versions may add fields.
  constexpr std::size_t length = 55;
  if (traceparent.size() < length) return std::nullopt;
  const auto version = traceparent.substr(0, 2);
  const auto trace = traceparent.substr(3, 32);
  const auto span = traceparent.substr(36, 16);
  const auto flags = traceparent.substr(53, 2);
  if (!is_hex(version) || version == "ff" || !is_id(trace) || !is_id(span) || !is_hex(flags))
    return std::nullopt;
  if (traceparent[2] != '-' || traceparent[35] != '-' || traceparent[52] != '-')
    return std::nullopt;
  if (traceparent.size() > length && (version == "00" || traceparent[length] != '-'))
    return std::nullopt;
  unsigned bits = 0;
  std::from_chars(flags.data(), flags.data() + flags.size(), bits, 16);
  return trace_context{std::string{trace}, std::string{span}, (bits & 1U) != 0,
                       clean_state(tracestate)};
}

std::string traceparent_of(const trace_context& x) {
  return fmt::format("00-{}-{}-{}", x.trace_id, x.span_id, x.sampled ? "01" : "00");
}

std::string new_trace_id() {
  return fmt::format("{:016x}{:016x}", random_number(), random_number());
}

std::string new_span_id() {
  return fmt::format("{:016x}", random_number());
}

bool sampled_by_ratio(std::string_view trace_id, double ratio) {
  if (ratio >= 1) return true;
  // The last 56 bits of a trace id are random in every system that keeps to level 2.
  constexpr std::size_t digits = 14;
  constexpr double all = 72057594037927936.0; // 2^56
  const auto last = trace_id.substr(trace_id.size() - std::min(trace_id.size(), digits));
  std::uint64_t x = 0;
  std::from_chars(last.data(), last.data() + last.size(), x, 16);
  return static_cast<double>(x) < ratio * all;
}

} // namespace echelon::engine
