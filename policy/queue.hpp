/// Bounded admission queue: earliest deadline first within a priority.
#pragma once

#include "policy/limiter.hpp"

#include <cstdint>
#include <optional>
#include <set>
#include <unordered_map>

namespace echelon::policy {

/// A request that waits for a permit.
struct waiter {
  hold_id id = 0;
  std::uint8_t priority = 5; ///< 0 to 9; 0 goes first.
  time_point deadline{};     ///< It waits no longer.
  time_point since{}; ///< When its request first began to wait; keeps its place on a re-queue.
};

class admission_queue {
public:
  explicit admission_queue(std::size_t capacity) : capacity_(capacity) {}

  /// @returns False if there is no room; expired waiters are dropped first.
  [[nodiscard]] bool push(const waiter& x, time_point now);
  /// Takes out the waiter that is due; skips and drops those whose deadline passed. A waiter gains
  /// one priority for each `aging` it waited, so that none starves.
  [[nodiscard]] std::optional<waiter> pop(time_point now);
  /// @returns Whether it was there.
  bool remove(hold_id id);
  [[nodiscard]] std::size_t size() const { return by_id_.size(); }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  /// A smaller capacity drops nobody; it only lets nobody in.
  void resize(std::size_t capacity) { capacity_ = capacity; }

  static constexpr duration aging = std::chrono::seconds{5};

private:
  struct earlier {
    bool operator()(const waiter& a, const waiter& b) const;
  };
  using ordered = std::set<waiter, earlier>;
  void drop_expired(time_point now);

  std::size_t capacity_;
  ordered lines_[10]; // One a priority.
  std::unordered_map<hold_id, waiter> by_id_;
};

} // namespace echelon::policy
