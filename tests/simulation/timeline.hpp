/// Virtual time and what happens in it, in one order for one seed.
#pragma once

#include "policy/settings.hpp"

#include <cstdint>
#include <functional>
#include <queue>
#include <random>
#include <string>
#include <vector>

namespace echelon::simulation {

using policy::duration;
using policy::time_point;

class timeline {
public:
  explicit timeline(std::uint64_t seed) : random_(seed) {}

  [[nodiscard]] time_point now() const { return now_; }
  void at(time_point when, std::function<void()> what) {
    events_.push({std::max(when, now_), ++numbers_, std::move(what)});
  }
  void after(duration d, std::function<void()> what) { at(now_ + d, std::move(what)); }

  /// When something happens next; the end of time if nothing does.
  [[nodiscard]] time_point next() const {
    return events_.empty() ? time_point::max() : events_.top().when;
  }
  void go_to(time_point t) { now_ = std::max(now_, t); }
  /// Everything that is due. @returns Whether anything was.
  bool run_due() {
    bool any = false;
    while (!events_.empty() && events_.top().when <= now_) {
      auto what = std::move(const_cast<event&>(events_.top()).what);
      events_.pop();
      what();
      any = true;
    }
    return any;
  }

  /// Evenly from [least, most].
  [[nodiscard]] std::int64_t draw(std::int64_t least, std::int64_t most) {
    return std::uniform_int_distribution<std::int64_t>{least, most}(random_);
  }
  [[nodiscard]] duration draw(duration least, duration most) {
    return duration{draw(least.count(), most.count())};
  }
  [[nodiscard]] bool one_in(std::int64_t n) { return draw(1, n) == 1; }

  /// What happened, for people; kept only if somebody wants to read it.
  void note(const std::string& what);
  [[nodiscard]] static std::string text(time_point t);
  bool keeps_notes = false;
  std::vector<std::string> notes;
  /// What must not be; the first one ends a run.
  void violation(const std::string& what) {
    note("VIOLATION " + what);
    if (violated.empty()) violated = what;
  }
  std::string violated;

private:
  struct event {
    time_point when;
    std::uint64_t number;
    std::function<void()> what;
    bool operator<(const event& x) const {
      return when != x.when ? when > x.when : number > x.number; // The top is the largest.
    }
  };
  std::mt19937_64 random_;
  time_point now_{std::chrono::hours{1000}};
  std::priority_queue<event> events_;
  std::uint64_t numbers_ = 0;
};

inline std::string timeline::text(time_point t) {
  const auto since = t - time_point{std::chrono::hours{1000}};
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(since).count())
         + " ms";
}

inline void timeline::note(const std::string& what) {
  if (keeps_notes) notes.push_back(text(now_) + "  " + what);
}

} // namespace echelon::simulation
