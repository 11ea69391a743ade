#include "policy/overload.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <random>

namespace echelon::policy {
namespace {

/// Enters until refused; how many got in.
int fill(overload_gate& x, const std::string& client, std::uint8_t priority,
         const overload_limits& limits) {
  int n = 0;
  while (x.enter(client, priority, limits) == shed_reason::none)
    ++n;
  return n;
}

TEST_CASE("the least important are shed first, and the last places are for the most important",
          "[overload]") {
  const overload_limits limits{100, 0};
  overload_gate x;
  CHECK(fill(x, "a", 9, limits) == 50);
  CHECK(fill(x, "a", 8, limits) == 10);
  CHECK(fill(x, "a", 5, limits) == 30);
  CHECK(fill(x, "a", 0, limits) == 10);
  CHECK(x.enter("a", 0, limits) == shed_reason::full);
  CHECK(x.enter("b", 9, limits) == shed_reason::full);
  x.leave("a");
  CHECK(x.enter("b", 5, limits) == shed_reason::full);
  CHECK(x.enter("b", 0, limits) == shed_reason::none);
}

TEST_CASE("a client that holds most gives way when another one comes", "[overload]") {
  const overload_limits limits{100, 0};
  overload_gate x;
  CHECK(fill(x, "greedy", 5, limits) == 90); // Alone it may have what there is.
  for (int i = 0; i < 10; ++i)
    x.leave("greedy");
  CHECK(x.enter("modest", 5, limits) == shed_reason::none);
  CHECK(x.enter("greedy", 5, limits) == shed_reason::fair_share);
  CHECK(fill(x, "modest", 5, limits) == 9);
  for (int i = 0; i < 80; ++i)
    x.leave("greedy");
  CHECK(fill(x, "greedy", 5, limits) == 50);
  CHECK(x.enter("greedy", 5, limits) == shed_reason::fair_share);
  CHECK(x.enter("third", 5, limits) == shed_reason::none);
}

TEST_CASE("a cap for each client holds also when there is room", "[overload]") {
  const overload_limits limits{100, 3};
  overload_gate x;
  CHECK(fill(x, "a", 0, limits) == 3);
  CHECK(x.enter("a", 0, limits) == shed_reason::client_cap);
  CHECK(fill(x, "b", 0, limits) == 3);
}

TEST_CASE("one place is enough for any priority", "[overload]") {
  const overload_limits limits{1, 0};
  overload_gate x;
  CHECK(x.enter("a", 9, limits) == shed_reason::none);
  CHECK(x.enter("b", 0, limits) == shed_reason::full);
  x.leave("a");
  x.leave("a"); // Who is not in cannot leave.
  CHECK(x.inside() == 0);
  CHECK(x.clients() == 0);
}

TEST_CASE("counts stay right through random comings and goings", "[overload]") {
  std::mt19937 random{7};
  overload_gate x;
  std::map<std::string, int> held;
  for (int i = 0; i < 20000; ++i) {
    const auto client = std::string(1, static_cast<char>('a' + random() % 5));
    const overload_limits limits{static_cast<std::int64_t>(1 + random() % 40),
                                 static_cast<std::int64_t>(random() % 4 * 5)};
    if (random() % 2 == 0 && held[client] > 0) {
      x.leave(client);
      --held[client];
    } else {
      const auto before = x.inside();
      const bool in =
          x.enter(client, static_cast<std::uint8_t>(random() % 10), limits) == shed_reason::none;
      if (in) {
        CHECK(before < limits.requests);
        ++held[client];
      }
    }
    std::int64_t sum = 0;
    for (const auto& [name, n] : held)
      sum += n;
    REQUIRE(x.inside() == sum);
  }
}

} // namespace
} // namespace echelon::policy
