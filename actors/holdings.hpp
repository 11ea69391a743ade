/// What this gateway holds at which actor, and what it started there in the last windows: from this
/// a new owner puts a lost one's state together. Thread-safe.
#pragma once

#include "messages/handover.hpp"
#include "policy/dispatch.hpp"

#include <deque>
#include <map>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace echelon::actors {

class holdings {
public:
  /// Starts at the actors of `x` that limit rates are remembered for their windows.
  void apply(policy::topology_ptr x);
  void granted(const policy::ask_admission& asked, const std::vector<policy::path_id>& trail,
               policy::time_point now);
  void ended(const policy::actor_release& x);
  /// Everything that is held, by actor.
  [[nodiscard]] std::vector<messages::actor_holdings> inventory() const;
  /// Holds and starts at the actors of one placement.
  [[nodiscard]] std::vector<messages::actor_holdings> of(policy::path_id place,
                                                         policy::time_point now) const;

private:
  struct start {
    policy::hold_id hold;
    std::int64_t tokens;
    policy::time_point at;
  };
  struct at_actor {
    std::map<policy::hold_id, std::uint32_t> holds;
    std::deque<start> starts;
    policy::duration window{}; // 0: starts are not remembered.
  };
  mutable std::mutex mutex_;
  policy::topology_ptr topology_;
  std::unordered_map<policy::path_id, at_actor> actors_;
};

} // namespace echelon::actors
