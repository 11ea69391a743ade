/// Keys and usage in a database.
#pragma once

#include "accounts/database.hpp"
#include "accounts/records.hpp"

#include <memory>

namespace echelon::accounts {

using spent_by_key = std::map<std::string, spent_money, std::less<>>;

/// One connection; not thread-safe. Everything throws store_error; a store that threw is to be
/// thrown away.
class store {
public:
  /// Makes the tables if they are not there.
  explicit store(const std::string& url);

  /// Changes whenever keys do.
  [[nodiscard]] std::string revision();
  /// All keys by name, revoked ones too.
  [[nodiscard]] std::vector<key_record> keys();
  /// @returns False if the name is taken, also by a revoked key: usage is counted by name.
  bool create(const key_record& x);
  /// @returns False if there is no such key in force.
  bool revoke(const std::string& name, const std::string& when);

  /// All of them or none; those that are there already are left alone.
  void add(const std::vector<usage_record>& x);
  /// By name of the key, as of `day`; who has spent nothing in its month is not listed.
  [[nodiscard]] spent_by_key spent(std::int64_t day);
  /// `{"rows": [...], "next_offset": N|null}`
  [[nodiscard]] nlohmann::json usage(const usage_query& x);

private:
  std::unique_ptr<database> db_;
};

} // namespace echelon::accounts
