#include "accounts/records.hpp"

#include <openssl/rand.h>
#include <openssl/sha.h>

#include <array>
#include <chrono>
#include <cstdio>

namespace echelon::accounts {

using nlohmann::json;

namespace {

template <std::size_t N>
std::string hex(const std::array<unsigned char, N>& x) {
  constexpr const char* digits = "0123456789abcdef";
  std::string text;
  for (const auto byte : x) {
    text += digits[byte >> 4U];
    text += digits[byte & 15U];
  }
  return text;
}

template <std::size_t N>
std::string random_hex() {
  std::array<unsigned char, N> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
    throw store_error{"the system gives no random numbers"};
  return hex(bytes);
}

} // namespace

std::string to_line(const usage_record& x) {
  const json line{{"id", x.id},
                  {"at", x.at_ms},
                  {"key", x.key},
                  {"target", x.target},
                  {"model", x.model},
                  {"prompt", x.prompt_tokens},
                  {"completion", x.completion_tokens},
                  {"cost", x.cost},
                  {"estimated", x.estimated}};
  return line.dump(-1, ' ', true, json::error_handler_t::replace);
}

usage_record from_line(const std::string& line) {
  try {
    const auto x = json::parse(line);
    return {x.at("id"),     x.at("at"),         x.at("key"),  x.at("target"),   x.at("model"),
            x.at("prompt"), x.at("completion"), x.at("cost"), x.at("estimated")};
  } catch (const json::exception&) {
    throw store_error{"a line is no usage record"};
  }
}

json to_json(const key_record& x) {
  const auto limit = [](std::uint32_t n) { return n == 0 ? json(nullptr) : json(n); };
  const auto time = [](const std::string& t) { return t.empty() ? json(nullptr) : json(t); };
  const auto money = [](std::int64_t n) {
    return n == 0 ? json(nullptr) : json(static_cast<double>(n) / 1e6);
  };
  return {{"name", x.name},
          {"targets", x.targets},
          {"rpm_limit", limit(x.rpm_limit)},
          {"tpm_limit", limit(x.tpm_limit)},
          {"concurrency_limit", limit(x.concurrency_limit)},
          {"daily_budget", money(x.daily_budget)},
          {"monthly_budget", money(x.monthly_budget)},
          {"expires", time(x.expires)},
          {"created", time(x.created)},
          {"revoked", time(x.revoked)}};
}

std::int64_t day_number(std::int64_t ms) {
  return std::chrono::floor<std::chrono::days>(std::chrono::milliseconds{ms}).count();
}

std::string day_text(std::int64_t day) {
  const std::chrono::year_month_day x{std::chrono::sys_days{std::chrono::days{day}}};
  char text[48];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(x.year()),
                static_cast<unsigned>(x.month()), static_cast<unsigned>(x.day()));
  return text;
}

std::string new_key() {
  return "ek-" + random_hex<32>();
}

std::string new_record_id() {
  return random_hex<16>();
}

std::string hash_of(const std::string& key) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> d{};
  SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), d.data());
  return hex(d);
}

} // namespace echelon::accounts
