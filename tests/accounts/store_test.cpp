#include "accounts/store.hpp"
#include "folder.hpp"

#include <catch2/catch.hpp>

using namespace echelon::accounts;

namespace {

// 2027-01-31, 12:00 UTC.
constexpr std::int64_t day = 20849, noon = (day * 24 + 12) * 3'600'000;

usage_record record(const std::string& id, const std::string& key, std::int64_t cost,
                    std::int64_t at = noon) {
  return {id, at, key, "g", "m", 3, 2, cost, false};
}

key_record key(const std::string& name) {
  key_record x;
  x.name = name;
  x.sha256 = hash_of(name);
  x.targets = {"g", "h"};
  x.rpm_limit = 5;
  x.monthly_budget = 1'500'000;
  x.created = "2027-01-01T00:00:00Z";
  return x;
}

} // namespace

TEST_CASE("records count once, however often they are stored") {
  const folder at;
  store x{at.database()};
  x.add({record("1", "a", 10), record("2", "a", 20), record("3", "b", 5)});
  x.add({record("2", "a", 20), record("4", "a", 40)});
  x.add({});
  const auto rows = x.usage({{"key"}, "", "", "", 0, 0, 100, 0})["rows"];
  CHECK(rows.size() == 2);
  CHECK(rows[0]["requests"] == 3);
  CHECK(rows[0]["prompt_tokens"] == 9);
  CHECK(rows[0]["cost"] == 0.00007);
  CHECK(x.spent(day).at("a").today == 70);
  CHECK(x.spent(day).at("b").month == 5);
}

TEST_CASE("what was spent is of a day and of its month") {
  const folder at;
  store x{at.database()};
  constexpr std::int64_t one_day = 24 * 3'600'000;
  x.add({record("1", "a", 1), record("2", "a", 10, noon - one_day),
         record("3", "a", 100, noon - 31 * one_day), record("4", "a", 1000, noon + one_day)});
  CHECK(x.spent(day).at("a").today == 1);
  CHECK(x.spent(day).at("a").month == 11);
  CHECK(x.spent(day + 1).at("a").month == 1000);
}

TEST_CASE("keys are kept as they were made; a name is given once") {
  const folder at;
  store x{at.database()};
  const auto before = x.revision();
  CHECK(x.create(key("a")));
  CHECK(x.revision() != before);
  CHECK_FALSE(x.create(key("a")));
  CHECK(x.keys() == std::vector<key_record>{key("a")});
  CHECK(x.revoke("a", "2027-01-02T00:00:00Z"));
  CHECK_FALSE(x.revoke("a", "2027-01-03T00:00:00Z"));
  CHECK_FALSE(x.revoke("b", "2027-01-03T00:00:00Z"));
  CHECK(x.keys().at(0).revoked == "2027-01-02T00:00:00Z");
  CHECK_FALSE(x.create(key("a")));
}

TEST_CASE("days are those of the calendar") {
  CHECK(day_text(0) == "1970-01-01");
  CHECK(day_text(day_number(noon)) == "2027-01-31");
  CHECK(day_text(day_number(noon + 12 * 3'600'000)) == "2027-02-01");
}

TEST_CASE("every new key is another one") {
  CHECK(new_key() != new_key());
  CHECK(new_key().size() == 67);
  // FIPS 180-4, "abc".
  CHECK(hash_of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("a database that cannot be opened is named") {
  CHECK_THROWS_WITH(store{"sqlite:/does/not/exist/x.db"}, Catch::Contains("/does/not/exist/x.db"));
  CHECK_THROWS_AS(store{"mysql://x"}, store_error);
}
