/// CAF-facing types of the hierarchy. Only actors/ and cluster/ include this.
#pragma once

#include "messages/type_ids.hpp"

#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace echelon::actors {

/// One actor of the hierarchy, whatever its level.
using level_actor = caf::typed_actor<
    // Passed on by delegation until a model grants or someone refuses.
    caf::replies_to<messages::admit_request>::with<messages::admit_reply>,
    // `saturated`: turn_granted follows, to the asker.
    caf::replies_to<messages::wait_request>::with<messages::wait_reply>,
    caf::replies_to<messages::report_outcome>::with<messages::outcome_reply>,
    caf::replies_to<messages::get_state>::with<messages::actor_state>,
    caf::reacts_to<messages::report_health>, caf::reacts_to<messages::apply_spec>,
    // Ends with its answer.
    caf::replies_to<messages::hand_over>::with<messages::actor_memory>,
    caf::reacts_to<messages::reconcile_holds>,
    // The sender must answer recall_lease.
    caf::replies_to<messages::claim_lease>::with<messages::lease_reply>>;

/// Where each actor lives, and whether this node may act. Thread-safe.
class directory {
public:
  using resolver = std::function<level_actor(std::uint64_t)>;

  void set(std::uint64_t id, level_actor handle) {
    std::unique_lock guard{mutex_};
    handles_[id] = std::move(handle);
  }
  void erase(std::uint64_t id) {
    std::unique_lock guard{mutex_};
    handles_.erase(id);
  }
  /// Where actors are found that do not live here; null where there is no way to them.
  void set_elsewhere(resolver x) {
    std::unique_lock guard{mutex_};
    elsewhere_ = std::move(x);
  }
  /// The actor, or whoever passes messages on to it. Null if there is none.
  [[nodiscard]] level_actor find(std::uint64_t id) const {
    std::shared_lock guard{mutex_};
    const auto i = handles_.find(id);
    if (i != handles_.end()) return i->second;
    return elsewhere_ ? elsewhere_(id) : level_actor{};
  }
  /// The actor, if it lives here.
  [[nodiscard]] level_actor local(std::uint64_t id) const {
    std::shared_lock guard{mutex_};
    const auto i = handles_.find(id);
    return i == handles_.end() ? level_actor{} : i->second;
  }
  [[nodiscard]] std::vector<std::pair<std::uint64_t, level_actor>> all_local() const {
    std::shared_lock guard{mutex_};
    return {handles_.begin(), handles_.end()};
  }

  /// Nobody here admits anything at or after this time; by the actor system's clock, nanoseconds.
  std::atomic<std::int64_t> act_until{std::numeric_limits<std::int64_t>::max()};
  [[nodiscard]] bool may_act(std::chrono::steady_clock::time_point now) const {
    return now.time_since_epoch().count() < act_until.load(std::memory_order_relaxed);
  }
  /// How long a call may last at most, nanoseconds: those of a lost gateway are counted so long.
  std::atomic<std::int64_t> longest_attempt{
      std::chrono::nanoseconds{std::chrono::seconds{120}}.count()};
  /// Takes a request as far as leases of this node reach. Nothing: on to the first of its route.
  /// Set before any actor starts; null: there are no other nodes.
  std::function<std::optional<messages::admit_reply>(messages::admit_request&,
                                                     std::chrono::steady_clock::time_point)>
      pass;
  /// Somebody was admitted by an actor that lives here. As `pass`.
  std::function<void(std::uint64_t hold)> admitted;
  std::string node; ///< Name of this node; set before any actor starts. Empty: no cluster.

private:
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::uint64_t, level_actor> handles_;
  resolver elsewhere_;
};

} // namespace echelon::actors
