#include "engine/await_answer.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include <atomic>
#include <thread>

namespace asio = boost::asio;
using echelon::engine::answer_by;
using std::chrono::steady_clock;
using namespace std::chrono_literals;

namespace {

/// One wait for a number, and what becomes of it.
struct wait_for_number {
  asio::io_context io{1};
  asio::steady_timer timer{io};
  std::function<void(int)> answer; ///< Of whoever is asked.
  std::optional<int> got;
  std::atomic<int> late{0};
  bool timed = false; ///< The timer was needed.
  bool left = false;
  bool over = false;

  void begin(steady_clock::time_point limit, bool at_once = false) {
    asio::co_spawn(io, wait(limit, at_once), asio::detached);
  }
  asio::awaitable<void> wait(steady_clock::time_point limit, bool at_once) {
    auto start = [this, at_once](auto then) {
      answer = std::move(then);
      if (at_once) answer(1);
    };
    auto the_timer = [this]() -> asio::steady_timer& {
      timed = true;
      return timer;
    };
    auto take_late = [this] { return [this](int x) { late = x; }; };
    auto is_left = [this] { return left; };
    got = co_await answer_by<int>(limit, std::move(the_timer), std::move(is_left), std::move(start),
                                  std::move(take_late));
    over = true;
  }
};

} // namespace

TEST_CASE("an answer that is there at once needs no timer", "[engine]") {
  wait_for_number uut;
  uut.begin(steady_clock::now() - 1h, true);
  uut.io.run();
  CHECK(uut.got == 1);
  CHECK_FALSE(uut.timed);
}

TEST_CASE("an answer before the limit ends the wait", "[engine]") {
  wait_for_number uut;
  uut.begin(steady_clock::now() + 1h);
  uut.io.poll();
  REQUIRE_FALSE(uut.over);
  uut.answer(7);
  uut.io.run();
  CHECK(uut.got == 7);
  CHECK(uut.late == 0);
}

TEST_CASE("who waits gets nothing at the limit, and what comes later goes elsewhere", "[engine]") {
  wait_for_number uut;
  uut.begin(steady_clock::now() - 1ms);
  uut.io.run();
  REQUIRE(uut.over);
  CHECK_FALSE(uut.got);
  CHECK(uut.late == 0);
  uut.answer(7);
  CHECK(uut.late == 7);
}

TEST_CASE("who leaves ends the wait, and no other use of the timer does", "[engine]") {
  wait_for_number uut;
  uut.begin(steady_clock::now() + 1h);
  uut.io.poll();
  uut.timer.cancel();
  uut.io.poll();
  REQUIRE_FALSE(uut.over);
  uut.left = true;
  uut.timer.cancel();
  uut.io.run();
  REQUIRE(uut.over);
  CHECK_FALSE(uut.got);
  uut.answer(7);
  CHECK(uut.late == 7);
}

TEST_CASE("an answer that comes with the limit is the one who waits takes", "[engine]") {
  wait_for_number uut;
  uut.begin(steady_clock::now() + 1h);
  uut.io.poll();
  uut.answer(7);
  uut.left = true;
  uut.timer.cancel(); // Its end is on the way before the answer's.
  uut.io.run();
  CHECK(uut.got == 7);
  CHECK(uut.late == 0);
}

TEST_CASE("the timer is free for another use once the wait is over", "[engine]") {
  wait_for_number uut;
  uut.begin(steady_clock::now() + 1h);
  uut.io.poll();
  uut.left = true;
  uut.timer.cancel();
  uut.answer(7); // Wants to end a wait that the line above has ended.
  bool cancelled = false;
  asio::post(uut.io, [&] {
    uut.timer.expires_after(0s);
    uut.timer.async_wait([&](auto ec) { cancelled = !!ec; });
  });
  uut.io.run();
  REQUIRE(uut.over);
  CHECK_FALSE(cancelled);
}

TEST_CASE("of an answer that races with the limit none is lost and none is taken twice",
          "[engine]") {
  int in_time = 0, too_late = 0;
  for (int round = 1; round <= 500; ++round) {
    wait_for_number uut;
    uut.begin(steady_clock::now() + 50us);
    uut.io.poll();
    if (uut.over) continue; // The machine was slow: nothing to race with.
    std::thread other{[&] {
      while (steady_clock::now() < uut.timer.expiry()) {
      }
      uut.answer(round);
    }};
    uut.io.run();
    other.join();
    REQUIRE(uut.over);
    const int got = uut.got.value_or(0), late = uut.late;
    REQUIRE(got + late == round);
    (got != 0 ? in_time : too_late) += 1;
  }
  INFO(in_time << " in time, " << too_late << " late");
  CHECK(in_time + too_late > 0);
}
