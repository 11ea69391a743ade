#include "config/times.hpp"

#include <catch2/catch.hpp>

using namespace echelon::config;

TEST_CASE("times are read as they are written") {
  for (const char* text :
       {"1970-01-01T00:00:00Z", "2024-02-29T23:59:59Z", "2999-12-31T00:00:00Z"}) {
    const auto x = read_utc(text);
    REQUIRE(x);
    CHECK(write_utc(*x) == text);
  }
  CHECK(read_utc("1970-01-02T00:00:01Z")->time_since_epoch().count() == 86401);
}

TEST_CASE("what is no time is none") {
  for (const char* text : {"", "2027-01-31", "2027-02-30T00:00:00Z", "2027-1-31T00:00:00Z",
                           "2027-01-31T00:00:00", "2027-01-31T00:00:00Z ", "2027-13-01T00:00:00Z"})
    CHECK_FALSE(read_utc(text));
}
