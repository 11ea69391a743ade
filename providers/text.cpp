#include "providers/text.hpp"

#include "providers/adapter.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cctype>
#include <cstdint>

namespace echelon::providers {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";
constexpr std::string_view hidden = "[redacted]";

char lower(char c) {
  return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

unsigned byte_at(std::string_view text, std::size_t i) {
  return static_cast<unsigned char>(text[i]);
}

struct sequence {
  std::size_t size; // Bytes of a character, or of the longest beginning of one.
  bool valid;
};

// Unicode 15, table 3-7: well-formed byte sequences.
sequence next_sequence(std::string_view text) {
  const auto first = byte_at(text, 0);
  if (first < 0x80) return {1, true};
  std::size_t size = 0;
  unsigned low = 0x80;
  unsigned high = 0xBF;
  if (first >= 0xC2 && first <= 0xDF) {
    size = 2;
  } else if (first >= 0xE0 && first <= 0xEF) {
    size = 3;
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
  } else if (first >= 0xF0 && first <= 0xF4) {
    size = 4;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
  } else {
    return {1, false};
  }
  for (std::size_t i = 1; i < size; ++i) {
    if (i >= text.size() || byte_at(text, i) < low || byte_at(text, i) > high) return {i, false};
    low = 0x80;
    high = 0xBF;
  }
  return {size, true};
}

bool key_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.'
         || c == '*' || c == '+' || c == '/' || c == '=';
}

// Length of the key that begins at the start of `text`; 0: none.
std::size_t key_length(std::string_view text) {
  constexpr std::array<std::string_view, 9> prefixes{"sk-",  "sk_",  "AIza",    "anth-",  "gem-",
                                                     "gsk_", "xai-", "Bearer ", "bearer "};
  for (const auto prefix : prefixes) {
    if (!text.starts_with(prefix)) continue;
    const auto rest = text.substr(prefix.size());
    const auto end = std::find_if_not(rest.begin(), rest.end(), key_char);
    const auto size = static_cast<std::size_t>(end - rest.begin());
    if (size >= 6) return prefix.size() + size;
  }
  return 0;
}

std::string replace_all(std::string text, std::string_view what) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + hidden.size()))
    text.replace(at, what.size(), hidden);
  return text;
}

} // namespace

std::string_view trim(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

bool same_text(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

bool contains_text(std::string_view text, std::string_view word) {
  return std::search(text.begin(), text.end(), word.begin(), word.end(),
                     [](char x, char y) { return lower(x) == lower(y); })
         != text.end();
}

std::string_view cut_utf8(std::string_view text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  auto end = max_bytes;
  while (end > 0 && (byte_at(text, end) & 0xC0U) == 0x80U)
    --end;
  return text.substr(0, end);
}

std::string valid_utf8(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const auto next = next_sequence(text);
    result.append(next.valid ? text.substr(0, next.size) : replacement);
    text.remove_prefix(next.size);
  }
  return result;
}

bool looks_like_html(std::string_view text) {
  text = trim(text);
  if (text.starts_with(replacement) || text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  if (text.starts_with("<!") || text.starts_with("<?")) return true;
  const auto head = text.substr(0, 4096);
  return std::any_of(head.begin(), head.end(), [](char c) { return c == '<'; })
         && (contains_text(head, "<html") || contains_text(head, "<body")
             || contains_text(head, "<head") || contains_text(head, "</")
             || contains_text(head, "<script"));
}

std::string scrub(std::string_view text, std::string_view secret) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const auto size = result.empty() || !key_char(result.back()) ? key_length(text) : 0;
    if (size > 0)
      result.append(hidden);
    else
      result.push_back(text.front());
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  if (secret.empty()) return result;
  result = replace_all(std::move(result), secret);
  for (auto size = std::min(secret.size(), result.size()); size >= 4; --size)
    if (result.ends_with(secret.substr(0, size))) {
      result.replace(result.size() - size, size, hidden);
      break;
    }
  return result;
}

std::string safe_message(std::string_view text, int status) {
  const auto answered =
      status > 0 ? "upstream answered " + std::to_string(status) : std::string{"upstream answered"};
  if (looks_like_html(text)) return answered + " with text/html";
  // Enough for what is kept, so that a huge body costs nothing.
  auto result = scrub(valid_utf8(trim(text.substr(0, 4 * max_message_bytes))));
  for (auto& c : result)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  result = cut_utf8(result, max_message_bytes);
  return result.empty() ? answered : result;
}

void scrub_failure(upstream_failure& failure, std::string_view secret) {
  for (auto* text : {&failure.message, &failure.type, &failure.code, &failure.param})
    *text = scrub(*text, secret);
}

std::string base64_of(const std::vector<float>& values) {
  static constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  for (const auto value : values) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    for (unsigned shift = 0; shift < 32; shift += 8)
      bytes += static_cast<char>((bits >> shift) & 0xffU);
  }
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    const auto have = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t k = 0; k < 3; ++k)
      group = (group << 8) | (k < have ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (unsigned k = 0; k < 4; ++k)
      out += k <= have ? alphabet[(group >> (18 - 6 * k)) & 63U] : '=';
  }
  return out;
}

} // namespace echelon::providers
