// Each policy class beside a slow one that is obviously right, over random histories.
#include "policy/breaker.hpp"
#include "policy/gate.hpp"
#include "policy/limiter.hpp"
#include "policy/queue.hpp"
#include "policy/rotation.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

using namespace echelon::policy;
using namespace std::chrono_literals;

namespace {

const time_point t0{1000h};

struct dice {
  explicit dice(std::uint64_t seed) : random(seed) {}
  std::int64_t up_to(std::int64_t most) {
    return std::uniform_int_distribution<std::int64_t>{0, most}(random);
  }
  std::mt19937_64 random;
};

/// A bucket that counts in exact fractions from its start: credit is a number of nano-micro-tokens.
class slow_bucket {
public:
  slow_bucket(std::int64_t size, std::int64_t micro, time_point now)
      : size_(size), micro_(micro), level_(static_cast<unit>(size) * scale), at_(now) {}
  bool take(time_point now) {
    pass(now);
    if (level_ < scale) return false;
    level_ -= scale;
    return true;
  }
  void refund() { level_ = std::min(static_cast<unit>(size_) * scale, level_ + scale); }

private:
  using unit = __int128_t;
  static constexpr unit scale = static_cast<unit>(1'000'000) * 1'000'000'000;
  void pass(time_point now) {
    if (now <= at_) return;
    const auto gained = static_cast<unit>((now - at_).count()) * micro_;
    level_ = std::min(static_cast<unit>(size_) * scale, level_ + gained);
    at_ = now;
  }
  std::int64_t size_, micro_;
  unit level_;
  time_point at_;
};

/// All waiters in a list; the one that is due is looked for among all.
class slow_queue {
public:
  explicit slow_queue(std::size_t capacity) : capacity_(capacity) {}
  bool push(const waiter& x, time_point now) {
    if (all_.size() >= capacity_) expire(now);
    if (all_.size() >= capacity_) return false;
    all_.push_back(x);
    return true;
  }
  std::optional<hold_id> pop(time_point now) {
    expire(now);
    // Within a priority the earliest deadline; between the heads of the priorities the lowest
    // number, less one for each 5 s waited; between equals the lower priority number.
    std::map<int, waiter> heads;
    for (const auto& x : all_) {
      const auto [i, fresh] = heads.emplace(x.priority, x);
      const auto rank = [](const waiter& w) { return std::tuple{w.deadline, w.since, w.id}; };
      if (!fresh && rank(x) < rank(i->second)) i->second = x;
    }
    if (heads.empty()) return std::nullopt;
    const auto due =
        std::min_element(heads.begin(), heads.end(), [&](const auto& a, const auto& b) {
          const auto rank = [&](const auto& h) {
            return h.first - (now - h.second.since) / duration{5s};
          };
          return rank(a) < rank(b);
        });
    const auto id = due->second.id;
    remove(id);
    return id;
  }
  bool remove(hold_id id) {
    return std::erase_if(all_, [&](const auto& x) { return x.id == id; }) != 0;
  }
  [[nodiscard]] std::size_t size() const { return all_.size(); }

private:
  void expire(time_point now) {
    std::erase_if(all_, [&](const auto& x) { return x.deadline <= now; });
  }
  std::size_t capacity_;
  std::vector<waiter> all_;
};

/// The breaker as its rules say, from the whole history of its current phase.
class slow_breaker {
public:
  explicit slow_breaker(breaker_settings s) : s_(s) {}
  bool closed_to(time_point now) {
    roll(now);
    if (now < benched_) return true;
    if (phase_ == 'o') return true;
    return phase_ == 'h'
           && std::count(history_.begin(), history_.end(), 's') + running_
                  >= static_cast<std::int64_t>(s_.half_open_requests);
  }
  std::uint64_t pass(time_point now) {
    roll(now);
    if (phase_ == 'h') ++running_;
    return number_;
  }
  void report(std::uint64_t number, char what, time_point now) {
    if (number != number_) return;
    if (phase_ == 'h') --running_;
    if (what == 'n') return;
    history_ += what;
    if (phase_ == 'c') {
      const auto last_success = history_.rfind('s');
      const auto failures =
          history_.size() - (last_success == std::string::npos ? 0 : last_success + 1);
      if (failures >= s_.failure_threshold) enter('o', now);
    } else if (what == 'f') {
      enter('o', now);
    } else if (static_cast<std::uint32_t>(std::count(history_.begin(), history_.end(), 's'))
               >= s_.half_open_requests) {
      enter('c', now);
    }
  }
  void bench(time_point until) { benched_ = std::max(benched_, until); }

private:
  void enter(char phase, time_point now) {
    phase_ = phase;
    ++number_;
    history_.clear();
    running_ = 0;
    since_ = now;
  }
  void roll(time_point now) {
    if (phase_ == 'o' && now - since_ >= s_.recovery_time) enter('h', now);
  }
  breaker_settings s_;
  char phase_ = 'c';
  std::uint64_t number_ = 0;
  std::string history_;
  std::int64_t running_ = 0;
  time_point since_{}, benched_{};
};

} // namespace

TEST_CASE("a token bucket agrees with exact fractions", "[model]") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    INFO("seed " << seed);
    dice d{seed};
    const auto size = 1 + d.up_to(10), micro = 1 + d.up_to(20'000'000);
    token_bucket x{{size, micro}, t0};
    slow_bucket slow{size, micro, t0};
    auto now = t0, last = t0;
    for (int i = 0; i < 400; ++i) {
      now += duration{d.up_to(200'000'000) - 10'000'000}; // Sometimes backwards.
      if (d.up_to(9) == 0) {
        x.refund();
        slow.refund();
        continue;
      }
      last = std::max(last, now);
      const auto wait = x.try_take(now);
      REQUIRE((wait == 0ns) == slow.take(now));
      if (wait == 0ns) continue;
      // The wait that is told is exact: a nanosecond less is too short.
      token_bucket early = x, just = x;
      REQUIRE(early.try_take(last + wait - 1ns) > 0ns);
      REQUIRE(just.try_take(last + wait) == 0ns);
    }
  }
}

TEST_CASE("a queue gives the waiter that a search through all of them gives", "[model]") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    INFO("seed " << seed);
    dice d{seed};
    const auto capacity = static_cast<std::size_t>(d.up_to(12));
    admission_queue x{capacity};
    slow_queue slow{capacity};
    auto now = t0;
    for (hold_id id = 1; id < 400; ++id) {
      now += std::chrono::milliseconds{d.up_to(1500)};
      switch (d.up_to(3)) {
      case 0:
      case 1: {
        const waiter w{id, static_cast<std::uint8_t>(d.up_to(9)),
                       now + std::chrono::milliseconds{d.up_to(20'000)},
                       now - std::chrono::milliseconds{d.up_to(8000)}};
        REQUIRE(x.push(w, now) == slow.push(w, now));
        break;
      }
      case 2: {
        const auto got = x.pop(now);
        const auto due = slow.pop(now);
        REQUIRE(got.has_value() == due.has_value());
        if (got) REQUIRE(got->id == *due);
        break;
      }
      default: {
        const auto gone = static_cast<hold_id>(d.up_to(static_cast<std::int64_t>(id)));
        REQUIRE(x.remove(gone) == slow.remove(gone));
      }
      }
    }
  }
}

TEST_CASE("a breaker agrees with one that reads its rules from the history", "[model]") {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    INFO("seed " << seed);
    dice d{seed};
    const breaker_settings settings{static_cast<std::uint32_t>(1 + d.up_to(4)),
                                    std::chrono::milliseconds{100 + d.up_to(2000)},
                                    static_cast<std::uint32_t>(1 + d.up_to(3))};
    breaker x{settings};
    slow_breaker slow{settings};
    struct running {
      breaker_pass pass;
      std::uint64_t number;
    };
    std::vector<running> inside;
    auto now = t0;
    for (int i = 0; i < 500; ++i) {
      now += std::chrono::milliseconds{d.up_to(150)};
      const auto what = d.up_to(10);
      if (what == 0) {
        const auto until = now + std::chrono::milliseconds{d.up_to(500)};
        x.bench(until);
        slow.bench(until);
      } else if (what < 6) {
        REQUIRE((x.wait(now) > 0ns) == slow.closed_to(now));
        if (x.wait(now) == 0ns) inside.push_back({x.pass(now), slow.pass(now)});
      } else if (!inside.empty()) {
        const auto at =
            static_cast<std::size_t>(d.up_to(static_cast<std::int64_t>(inside.size()) - 1));
        const auto one = inside[at];
        inside.erase(inside.begin() + static_cast<std::ptrdiff_t>(at));
        const auto verdict = d.up_to(2);
        x.report(one.pass, static_cast<outcome>(verdict), now);
        slow.report(one.number, verdict == 0 ? 'n' : verdict == 1 ? 's' : 'f', now);
      }
    }
  }
}

TEST_CASE("every rotation gives each healthy member its share, to the unit", "[model]") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    INFO("seed " << seed);
    dice d{seed};
    std::vector<std::uint32_t> weights;
    const auto members = 1 + d.up_to(5);
    for (std::int64_t i = 0; i < members; ++i)
      weights.push_back(static_cast<std::uint32_t>(1 + d.up_to(9)));
    const auto strategy = static_cast<rotation_strategy>(d.up_to(2));
    rotation x{strategy, weights, 10s};
    const bool weighted = strategy == rotation_strategy::weighted;
    std::int64_t cycle = 0;
    for (auto w : weights)
      cycle += weighted ? w : 1;
    std::map<std::size_t, std::int64_t> turns;
    for (std::int64_t i = 0; i < 7 * cycle; ++i) {
      const auto order = x.next(t0);
      // Every member once, whoever is first.
      auto sorted = order;
      std::sort(sorted.begin(), sorted.end());
      REQUIRE(sorted.size() == weights.size());
      for (std::size_t m = 0; m < sorted.size(); ++m)
        REQUIRE(sorted[m] == m);
      ++turns[order.front()];
    }
    for (std::size_t m = 0; m < weights.size(); ++m)
      REQUIRE(turns[m] == 7 * (weighted ? weights[m] : 1));
  }
}

TEST_CASE("a gate's permits and queue agree with a list of who is inside and who waits",
          "[model]") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    INFO("seed " << seed);
    dice d{seed};
    gate_settings settings;
    settings.concurrency = concurrency_settings{static_cast<std::uint32_t>(1 + d.up_to(3)),
                                                static_cast<std::uint32_t>(d.up_to(4))};
    settings.breaker.failure_threshold = 1'000'000;
    gate x{settings, t0};
    std::vector<hold_id> inside, waiting; // Equal deadlines: first come, first served.
    auto now = t0;
    const auto wake = [&] {
      std::vector<hold_id> due;
      while (!waiting.empty() && inside.size() < settings.concurrency->limit) {
        due.push_back(waiting.front());
        inside.push_back(waiting.front());
        waiting.erase(waiting.begin());
      }
      REQUIRE(x.woken(now) == due);
    };
    for (hold_id id = 1; id < 300; ++id) {
      now += 1ms;
      if (d.up_to(2) > 0) {
        const bool room = inside.size() < settings.concurrency->limit;
        REQUIRE(x.admit({id, true, 0}, now).admitted() == room);
        if (room) {
          inside.push_back(id);
        } else {
          const auto why = x.wait({id, 5, t0 + 1h, now}, now).why;
          const bool fits = waiting.size() < settings.concurrency->queue_size;
          REQUIRE(why == (fits ? refusal::saturated : refusal::queue_full));
          if (fits) waiting.push_back(id);
        }
      } else {
        auto& from = d.up_to(3) == 0 ? waiting : inside;
        if (from.empty()) continue;
        const auto at =
            static_cast<std::size_t>(d.up_to(static_cast<std::int64_t>(from.size()) - 1));
        x.release({from[at], outcome::neutral, false, -1, {}}, now);
        from.erase(from.begin() + static_cast<std::ptrdiff_t>(at));
      }
      wake();
      REQUIRE(x.snapshot(now).permits_used == static_cast<std::int64_t>(inside.size()));
      REQUIRE(x.snapshot(now).waiting == static_cast<std::int64_t>(waiting.size()));
    }
  }
}
