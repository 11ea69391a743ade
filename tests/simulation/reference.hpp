/// The upstreams: they count what really runs and starts, and say what must not be.
#pragma once

#include "timeline.hpp"

#include "policy/topology.hpp"

#include <map>
#include <vector>

namespace echelon::simulation {

/// One attempt at an upstream.
struct attempt {
  std::uint64_t number = 0;
  std::vector<policy::path_id> levels; ///< All actors whose permit it holds.
  /// Those whose rate unit it has taken, and when it began to ask for that: it was taken since.
  std::vector<std::pair<policy::path_id, time_point>> paid;
  policy::path_id model = 0;
  time_point asked{}; ///< When it began to ask its model.
};

class reference {
public:
  reference(timeline& time, policy::topology_ptr topology)
      : time_(time), topology_(std::move(topology)) {}

  void begin(const attempt& x);
  void end(std::uint64_t number);
  /// The state of a model's breaker, as the actor that serves has it now; `serves`: there is one.
  void breaker(policy::path_id model, bool serves, bool half_open);
  /// Windows, when all is over: a limit is broken for sure if more units than it has were asked for
  /// and used within one window, whenever each of them was taken.
  void check_windows();
  [[nodiscard]] std::size_t running() const { return running_.size(); }
  [[nodiscard]] std::uint64_t started() const { return started_; }

private:
  struct use {
    time_point asked, started;
    std::uint64_t number;
  };
  timeline& time_;
  policy::topology_ptr topology_;
  std::map<std::uint64_t, attempt> running_;
  std::map<policy::path_id, std::int64_t> at_; ///< Running, by actor.
  std::map<policy::path_id, std::vector<use>> uses_;
  std::map<policy::path_id, time_point> half_open_; ///< Since when.
  std::uint64_t started_ = 0;
};

} // namespace echelon::simulation
