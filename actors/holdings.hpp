/// What this gateway holds at which actor, and what it started there in the last windows: from this
/// a new owner puts a lost one's state together. And how much of it others know, in case that both
/// are lost. Thread-safe.
#pragma once

#include "messages/handover.hpp"
#include "policy/ceiling.hpp"
#include "policy/dispatch.hpp"

#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

namespace echelon::actors {

class holdings {
public:
  /// Starts at the actors of `x` that limit rates are remembered for their windows.
  void apply(policy::topology_ptr x);
  /// @returns False if what it goes on to may not begin before more is known: see when_known().
  [[nodiscard]] bool granted(const policy::ask_admission& asked,
                             const std::vector<policy::path_id>& trail, policy::time_point now);
  void ended(const policy::actor_release& x);
  /// Everything that is held, by actor.
  [[nodiscard]] std::vector<messages::actor_holdings> inventory() const;
  /// Holds and starts at the actors of one placement.
  [[nodiscard]] std::vector<messages::actor_holdings> of(policy::path_id place,
                                                         policy::time_point now) const;

  // How much others know (holdings_known.cpp).
  /// Calls `then(true)` when `hold` may begin, or `then(false)` from expire(); perhaps at once.
  void when_known(policy::hold_id hold, const std::vector<policy::path_id>& trail,
                  policy::time_point since, std::function<void(bool)> then);
  /// Those that have waited since before `before` are told that they may not begin.
  void expire(policy::time_point before);
  /// What is to be told to all others now; nothing: they have been.
  [[nodiscard]] std::optional<messages::ceilings> tell(policy::time_point now);
  /// Enough others have noted what bore this number.
  void known(std::uint64_t number);
  /// All is to be told anew; `forgotten`: those who knew may be gone, and nothing counts as known.
  void renew(bool forgotten);
  /// Called when tell() has something that somebody waits for; from any thread. Null, as at first:
  /// nobody is told anything, and all may begin.
  void set_wake(std::function<void()> x);

private:
  struct start {
    policy::hold_id hold;
    std::int64_t tokens;
    policy::time_point at;
  };
  struct at_actor {
    std::map<policy::hold_id, bool> holds; // Whether it may begin, as far as this actor goes.
    std::deque<start> starts;
    policy::duration window{};              // 0: starts are not remembered.
    std::optional<policy::ceiling> ceiling; // None: permits are not limited.
  };
  struct waiting {
    policy::hold_id hold;
    std::vector<policy::path_id> trail;
    policy::time_point since;
    std::function<void(bool)> then;
  };
  bool begin(policy::hold_id hold, const std::vector<policy::path_id>& trail);
  std::vector<waiting> take_ready();

  mutable std::mutex mutex_;
  policy::topology_ptr topology_;
  std::unordered_map<policy::path_id, at_actor> actors_;
  std::deque<waiting> waiting_;
  std::uint64_t number_ = 0; // Of what was told last.
  bool open_ = false;        // It is not known yet.
  bool renew_ = false;       // All is to be told anew.
  policy::time_point told_{}, faded_{};
  std::function<void()> wake_;
};

} // namespace echelon::actors
