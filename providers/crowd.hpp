/// Whether a thread has so many exchanges under way that what they send is better sent together.
#pragma once

namespace echelon::providers {

/// One exchange with an upstream, counted on the thread that it lives on.
class crowd_member {
public:
  crowd_member() { ++count; }
  ~crowd_member() { --count; }
  crowd_member(const crowd_member&) = delete;
  crowd_member& operator=(const crowd_member&) = delete;

  /// To send each message at once wakes whom it is for each time, as that is faster than we are.
  /// Among many it waits for those that are ready too: all is sent one after the other, and one
  /// wake-up does for it (docs/performance.md).
  [[nodiscard]] static bool crowded() { return count > few; }

private:
  static constexpr int few = 8;
  static inline thread_local int count = 0;
};

} // namespace echelon::providers
