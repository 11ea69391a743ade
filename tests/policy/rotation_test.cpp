#include "policy/rotation.hpp"

#include <catch2/catch.hpp>

#include <map>

using namespace echelon::policy;

namespace {

std::map<std::size_t, int> turns(rotation& x, int rounds, const std::vector<bool>& usable = {}) {
  std::map<std::size_t, int> count;
  for (int i = 0; i < rounds; ++i)
    ++count[x.next(usable).front()];
  return count;
}

} // namespace

TEST_CASE("round robin starts at the first member and takes each in turn", "[rotation]") {
  rotation x{rotation_strategy::round_robin, {9, 1, 1}};
  CHECK(x.next() == std::vector<std::size_t>{0, 1, 2});
  CHECK(x.next() == std::vector<std::size_t>{1, 2, 0});
  CHECK(x.next() == std::vector<std::size_t>{2, 0, 1});
  CHECK(x.next().front() == 0);
}

TEST_CASE("weighted rotation is fair to the unit and smooth", "[rotation]") {
  rotation x{rotation_strategy::weighted, {5, 1, 1}};
  std::vector<std::size_t> first;
  for (int i = 0; i < 7; ++i)
    first.push_back(x.next().front());
  // The sequence of nginx's smooth weighted round robin for 5, 1, 1.
  CHECK(first == std::vector<std::size_t>{0, 0, 1, 0, 2, 0, 0});
  CHECK(turns(x, 7000) == std::map<std::size_t, int>{{0, 5000}, {1, 1000}, {2, 1000}});
}

TEST_CASE("ROTATION.2 weight 0 is a last resort, all 0 are equal, huge weights do not overflow",
          "[rotation]") {
  rotation zero{rotation_strategy::weighted, {0, 1}};
  CHECK(turns(zero, 100) == std::map<std::size_t, int>{{1, 100}});
  CHECK(zero.next({true, false}) == std::vector<std::size_t>{0});
  rotation none{rotation_strategy::weighted, {0, 0}};
  CHECK(turns(none, 100) == std::map<std::size_t, int>{{0, 50}, {1, 50}});
  rotation huge{rotation_strategy::weighted, {2147483647, 2147483647}};
  CHECK(turns(huge, 1000) == std::map<std::size_t, int>{{0, 500}, {1, 500}});
  rotation one{rotation_strategy::weighted, {7}};
  CHECK(one.next() == std::vector<std::size_t>{0});
}

TEST_CASE("ROTATION.1 a heavy member that is out does not hide a light one", "[rotation]") {
  rotation x{rotation_strategy::weighted, {60, 1}};
  CHECK(turns(x, 20, {false, true}) == std::map<std::size_t, int>{{1, 20}});
  CHECK(x.next({false, false}).empty());
}

TEST_CASE("least recently used takes the member whose turn is longest ago", "[rotation]") {
  rotation x{rotation_strategy::least_recently_used, {1, 1, 1}};
  CHECK(x.next().front() == 0);
  CHECK(x.next().front() == 1);
  CHECK(x.next({true, true, false}).front() == 0);
  CHECK(x.next().front() == 2);
  CHECK(x.next().front() == 1);
}
