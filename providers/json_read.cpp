#include "providers/json_read.hpp"

#include "providers/json_text.hpp"
#include "providers/text.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace echelon::providers {

using nlohmann::json;

namespace {

constexpr std::size_t max_depth = 500;

// The code unit of the escape `\uXXXX` at `at`; absent if there is none.
std::optional<unsigned> escaped_unit(std::string_view text, std::size_t at) {
  if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return std::nullopt;
  unsigned value = 0;
  for (std::size_t i = at + 2; i < at + 6; ++i) {
    const char c = text[i];
    unsigned digit = 0;
    if (c >= '0' && c <= '9')
      digit = static_cast<unsigned>(c - '0');
    else if (c >= 'a' && c <= 'f')
      digit = static_cast<unsigned>(c - 'a') + 10;
    else if (c >= 'A' && c <= 'F')
      digit = static_cast<unsigned>(c - 'A') + 10;
    else
      return std::nullopt;
    value = value * 16 + digit;
  }
  return value;
}

std::string without_lone_surrogates(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] != '\\') {
      result.push_back(text[i++]);
      continue;
    }
    const auto unit = escaped_unit(text, i);
    if (!unit) {
      result.append(text.substr(i, 2));
      i += 2;
    } else if (*unit < 0xD800 || *unit > 0xDFFF) {
      result.append(text.substr(i, 6));
      i += 6;
    } else {
      const auto low = escaped_unit(text, i + 6);
      const bool pair = *unit < 0xDC00 && low && *low >= 0xDC00 && *low <= 0xDFFF;
      result.append(pair ? text.substr(i, 12) : "\\ufffd");
      i += pair ? 12 : 6;
    }
  }
  return result;
}

} // namespace

bool nested_deeper_than(std::string_view text, std::size_t limit) {
  const auto opens =
      std::count_if(text.begin(), text.end(), [](char c) { return c == '[' || c == '{'; });
  if (static_cast<std::size_t>(opens) <= limit) return false;
  std::size_t depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      if (++depth > limit) return true;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return false;
}

json parse_json(std::string_view text) {
  auto value = read_json(text, max_depth);
  if (!value.is_discarded()) return value;
  if (nested_deeper_than(text, max_depth)) return value;
  value = json::parse(text, nullptr, false);
  if (!value.is_discarded()) return value;
  return json::parse(without_lone_surrogates(valid_utf8(text)), nullptr, false);
}

std::string dump(const json& value) {
  return write_json(value);
}

const json& member(const json& value, const char* key) {
  static const json none;
  if (!value.is_object()) return none;
  const auto it = value.find(key);
  return it == value.end() ? none : *it;
}

bool has(const json& value, const char* key) {
  return !member(value, key).is_null();
}

std::string text_of(const json& value, const char* key) {
  const auto& text = member(value, key);
  return text.is_string() ? text.get<std::string>() : std::string{};
}

std::string scalar_of(const json& value, const char* key) {
  const auto& scalar = member(value, key);
  if (scalar.is_string()) return scalar.get<std::string>();
  return scalar.is_number() || scalar.is_boolean() ? dump(scalar) : std::string{};
}

std::optional<std::int64_t> count_of(const json& value, const char* key) {
  const auto& number = member(value, key);
  if (number.is_number_unsigned()) {
    const auto wide = number.get<std::uint64_t>();
    if (wide <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      return static_cast<std::int64_t>(wide);
  } else if (number.is_number_float()) {
    const auto real = number.get<double>();
    if (std::floor(real) == real && real >= 0 && real < 9e15)
      return static_cast<std::int64_t>(real);
  } else if (number.is_number_integer() && number.get<std::int64_t>() >= 0) {
    return number.get<std::int64_t>();
  }
  return std::nullopt;
}

bool flag_of(const json& value, const char* key) {
  const auto& flag = member(value, key);
  return flag.is_boolean() && flag.get<bool>();
}

std::string make_id(std::string_view prefix) {
  thread_local std::mt19937_64 engine{[] {
    std::random_device device;
    return (std::uint64_t{device()} << 32U) | device();
  }()};
  constexpr std::string_view digits = "0123456789abcdef";
  std::string result{prefix};
  std::uint64_t bits = 0;
  for (unsigned i = 0; i < 24; ++i) {
    if (i % 16 == 0) bits = engine();
    result += digits[bits & 15U];
    bits >>= 4U;
  }
  return result;
}

} // namespace echelon::providers
