#include "policy/rotation.hpp"

#include <catch2/catch.hpp>

#include <map>

using namespace echelon::policy;

using namespace std::chrono_literals;

namespace {

const time_point t0{1000h};

std::map<std::size_t, int> turns(rotation& x, int rounds, const std::vector<bool>& usable = {}) {
  std::map<std::size_t, int> count;
  for (int i = 0; i < rounds; ++i)
    ++count[x.next(t0, usable).front()];
  return count;
}

} // namespace

TEST_CASE("round robin starts at the first member and takes each in turn", "[rotation]") {
  rotation x{rotation_strategy::round_robin, {9, 1, 1}};
  CHECK(x.next(t0) == std::vector<std::size_t>{0, 1, 2});
  CHECK(x.next(t0) == std::vector<std::size_t>{1, 2, 0});
  CHECK(x.next(t0) == std::vector<std::size_t>{2, 0, 1});
  CHECK(x.next(t0).front() == 0);
}

TEST_CASE("weighted rotation is fair to the unit and smooth", "[rotation]") {
  rotation x{rotation_strategy::weighted, {5, 1, 1}};
  std::vector<std::size_t> first;
  for (int i = 0; i < 7; ++i)
    first.push_back(x.next(t0).front());
  // The sequence of nginx's smooth weighted round robin for 5, 1, 1.
  CHECK(first == std::vector<std::size_t>{0, 0, 1, 0, 2, 0, 0});
  CHECK(turns(x, 7000) == std::map<std::size_t, int>{{0, 5000}, {1, 1000}, {2, 1000}});
}

TEST_CASE("ROTATION.2 weight 0 is a last resort, all 0 are equal, huge weights do not overflow",
          "[rotation]") {
  rotation zero{rotation_strategy::weighted, {0, 1}};
  CHECK(turns(zero, 100) == std::map<std::size_t, int>{{1, 100}});
  CHECK(zero.next(t0, {true, false}) == std::vector<std::size_t>{0});
  rotation none{rotation_strategy::weighted, {0, 0}};
  CHECK(turns(none, 100) == std::map<std::size_t, int>{{0, 50}, {1, 50}});
  rotation huge{rotation_strategy::weighted, {2147483647, 2147483647}};
  CHECK(turns(huge, 1000) == std::map<std::size_t, int>{{0, 500}, {1, 500}});
  rotation one{rotation_strategy::weighted, {7}};
  CHECK(one.next(t0) == std::vector<std::size_t>{0});
}

TEST_CASE("ROTATION.1 a heavy member that is out does not hide a light one", "[rotation]") {
  rotation x{rotation_strategy::weighted, {60, 1}};
  CHECK(turns(x, 20, {false, true}) == std::map<std::size_t, int>{{1, 20}});
  CHECK(x.next(t0, {false, false}).empty());
}

TEST_CASE("least recently used takes the member whose turn is longest ago", "[rotation]") {
  rotation x{rotation_strategy::least_recently_used, {1, 1, 1}};
  CHECK(x.next(t0).front() == 0);
  CHECK(x.next(t0).front() == 1);
  CHECK(x.next(t0, {true, true, false}).front() == 0);
  CHECK(x.next(t0).front() == 2);
  CHECK(x.next(t0).front() == 1);
}

TEST_CASE("a member that comes back gets a growing part of its turns, the others the rest",
          "[rotation]") {
  for (const auto strategy : {rotation_strategy::round_robin, rotation_strategy::weighted,
                              rotation_strategy::least_recently_used}) {
    INFO(to_string(strategy));
    rotation x{strategy, {1, 1}, 10s};
    x.back(0, t0); // It was never away.
    CHECK(x.next(t0).front() == 0);
    CHECK(x.next(t0).front() == 1);
    x.lost(0);
    x.back(0, t0);
    const auto share = [&](duration after) {
      int first = 0;
      for (int i = 0; i < 200; ++i)
        if (x.next(t0 + after).front() == 0) ++first;
      return first;
    };
    // Of its 100 turns: a tenth at the start, half of them half way, then all.
    CHECK(share(0s) == 10);
    CHECK(share(5s) == 50);
    CHECK(share(10s) == 100);
    CHECK(share(3600s) == 100);
  }
}

TEST_CASE("slow start keeps nobody out: alone a member takes every turn", "[rotation]") {
  rotation x{rotation_strategy::weighted, {60, 0}, 10s};
  x.lost(0);
  x.back(0, t0);
  for (int i = 0; i < 20; ++i)
    CHECK(x.next(t0).front() == 0); // Weight 0 is a last resort still.
  rotation pair{rotation_strategy::weighted, {1, 1}, 10s};
  pair.lost(0);
  pair.back(0, t0);
  for (int i = 0; i < 20; ++i)
    CHECK(pair.next(t0, {true, false}).front() == 0);
  rotation off{rotation_strategy::round_robin, {1, 1}, 0s};
  off.lost(0);
  off.back(0, t0);
  CHECK(off.next(t0).front() == 0);
}
