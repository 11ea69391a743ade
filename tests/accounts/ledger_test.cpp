#include "accounts/ledger.hpp"
#include "folder.hpp"

#include <catch2/catch.hpp>

#include <fstream>
#include <future>

using namespace echelon::accounts;
using namespace std::chrono_literals;

namespace {

std::int64_t requests(const std::string& database) {
  store x{database};
  const auto rows = x.usage({{}, "", "", "", 0, 0, 100, 0})["rows"];
  return rows[0]["requests"].get<std::int64_t>();
}

usage_record record(const std::string& id) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return {id,   std::chrono::duration_cast<std::chrono::milliseconds>(now).count(),
          "a",  "g",
          "m",  3,
          2,    7,
          false};
}

} // namespace

TEST_CASE("what a process before has left in its journal is there from the start") {
  const folder at;
  const auto spool = at.path() / "spool";
  std::filesystem::create_directories(spool);
  {
    std::ofstream left{spool / "usage-1.jsonl"};
    left << to_line(record("1")) << '\n' << "no record\n" << to_line(record("2")) << '\n';
  }
  {
    const ledger x{at.database(), spool};
    CHECK(x.spent("a").month == 14);
    CHECK(x.spent("b").month == 0);
    CHECK(requests(at.database()) == 2);
  }
  CHECK_FALSE(std::filesystem::exists(spool / "usage-1.jsonl"));
  CHECK(std::filesystem::exists(spool / "usage-1.jsonl.damaged"));
}

TEST_CASE("usage is in the store when a ledger has ended, questions are answered") {
  const folder at;
  {
    ledger x{at.database(), at.path() / "spool"};
    for (int i = 0; i < 1200; ++i)
      x.add(record(std::to_string(i)));
    std::promise<store_reply> got;
    x.ask(list_keys, [&](store_reply reply) { got.set_value(std::move(reply)); });
    CHECK(got.get_future().get().body["keys"].empty());
  }
  CHECK(requests(at.database()) == 1200);
}

TEST_CASE("whoever watches is told of keys that others make") {
  const folder at;
  ledger x{at.database(), at.path() / "spool"};
  std::promise<std::vector<key_record>> told;
  x.watch([&](const std::vector<key_record>& keys) { told.set_value(keys); });
  store other{at.database()};
  CHECK(create_key(other, {{"name", "new"}}).status == 201);
  auto keys = told.get_future();
  REQUIRE(keys.wait_for(20s) == std::future_status::ready);
  CHECK(keys.get().at(0).name == "new");
  x.unwatch();
}
