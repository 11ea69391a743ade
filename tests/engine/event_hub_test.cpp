#include "engine/event_hub.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <optional>
#include <string>

using echelon::engine::event_hub;

TEST_CASE("listeners get what is published while they listen, in order", "[events]") {
  event_hub hub;
  hub.publish("request", {{"n", 0}});
  CHECK_FALSE(hub.heard());
  int woken = 0;
  std::optional<event_hub::listener> x{std::in_place, hub, 1000, [&] { ++woken; }};
  CHECK(hub.heard());
  hub.publish("request", {{"n", 1}});
  hub.publish("drain", {{"n", 2}});
  CHECK(woken == 1);
  std::uint64_t dropped = 7;
  const auto got = x->take(dropped);
  REQUIRE(got.size() == 2);
  CHECK(got[0]->kind == "request");
  CHECK(got[0]->data == R"({"n":1})");
  CHECK(got[1]->id == got[0]->id + 1);
  CHECK(dropped == 0);
  x.reset();
  CHECK_FALSE(hub.heard());
}

TEST_CASE("a full listener loses the newest and is told how many; others lose nothing",
          "[events]") {
  event_hub hub;
  event_hub::listener slow{hub, 20, [] {}};
  event_hub::listener fast{hub, 1000, [] {}};
  for (int n = 0; n < 5; ++n)
    hub.publish("request", {{"n", n}}); // 7 bytes each: two fit.
  std::uint64_t dropped = 0;
  CHECK(slow.take(dropped).size() == 2);
  CHECK(dropped == 3);
  hub.publish("request", {{"n", 5}});
  CHECK(slow.take(dropped).size() == 1);
  CHECK(dropped == 0);
  CHECK(fast.take(dropped).size() == 6);
  CHECK(dropped == 0);
}

TEST_CASE("one event larger than the bound waits alone, and what is not UTF-8 is replaced",
          "[events]") {
  event_hub hub;
  event_hub::listener x{hub, 10, [] {}};
  hub.publish("request", {{"target", std::string(50, 'x')}});
  hub.publish("request", {{"target", "\xff"}});
  std::uint64_t dropped = 0;
  CHECK(x.take(dropped).size() == 1);
  CHECK(dropped == 1);
  hub.publish("request", {{"target", "\xff"}});
  CHECK(x.take(dropped).size() == 1);
}
