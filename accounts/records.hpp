/// What is kept of keys and of their use. Money is in millionths of the currency of the prices.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace echelon::accounts {

/// The store cannot be reached, or has refused. what() is for people and holds no secret.
struct store_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A key of the store. Only its hash is known.
struct key_record {
  std::string name;
  std::string sha256;               ///< 64 hex digits in lower case.
  std::vector<std::string> targets; ///< Empty: every one.
  std::uint32_t rpm_limit = 0, tpm_limit = 0, concurrency_limit = 0; ///< 0: none.
  std::int64_t daily_budget = 0, monthly_budget = 0;                 ///< Millionths; 0: none.
  std::string expires; ///< `2027-01-31T00:00:00Z`; empty: never.
  std::string created; ///< UTC, the same form.
  std::string revoked; ///< When; empty: it is in force.
  bool operator==(const key_record&) const = default;
};

/// What one call cost.
struct usage_record {
  std::string id;         ///< Unique for ever; a record counts once, however often it is stored.
  std::int64_t at_ms = 0; ///< Since 1970, UTC.
  std::string key;        ///< Name; empty: no key was asked for.
  std::string target, model;
  std::int64_t prompt_tokens = 0, completion_tokens = 0;
  std::int64_t cost = 0;  ///< Millionths.
  bool estimated = false; ///< The upstream did not tell; tokens and cost are a guess.
  bool operator==(const usage_record&) const = default;
};

/// What a key has spent, in millionths.
struct spent_money {
  std::int64_t day = 0;              ///< Whole days since 1970, UTC.
  std::int64_t today = 0, month = 0; ///< On that day, and in its month up to it.
};

/// A day of the calendar, UTC.
[[nodiscard]] std::int64_t day_number(std::int64_t ms);
/// `2027-01-31`
[[nodiscard]] std::string day_text(std::int64_t day);

/// What usage is asked for.
struct usage_query {
  std::vector<std::string>
      by; ///< Of `key`, `target`, `model`, `day`, each once; rows come by these.
  std::string key, target, model;        ///< Empty: all.
  std::int64_t from_ms = 0, to_ms = 0;   ///< From inclusive to exclusive; to 0: open.
  std::uint32_t limit = 100, offset = 0; ///< Of the rows; limit 1 to 10000.
};

/// One object without line breaks, and back. Reading throws store_error if it is none.
[[nodiscard]] std::string to_line(const usage_record& x);
[[nodiscard]] usage_record from_line(const std::string& line);

/// As the admin API shows it: without the hash.
[[nodiscard]] nlohmann::json to_json(const key_record& x);

/// A new key (`ek-` and 64 hex digits, 256 random bits), and the hash of any key.
[[nodiscard]] std::string new_key();
[[nodiscard]] std::string hash_of(const std::string& key);
/// A new id of a record.
[[nodiscard]] std::string new_record_id();

} // namespace echelon::accounts
