/// CAF-facing types of the hierarchy. Only actors/ and cluster/ include this.
#pragma once

#include "messages/type_ids.hpp"

#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <atomic>
#include <memory>
#include <shared_mutex>
#include <unordered_map>

namespace echelon::actors {

/// One actor of the hierarchy, whatever its level.
using level_actor = caf::typed_actor<
    // Passed on by delegation until a model grants or someone refuses.
    caf::replies_to<messages::admit_request>::with<messages::admit_reply>,
    // `saturated`: turn_granted follows, to the asker.
    caf::replies_to<messages::wait_request>::with<messages::wait_reply>,
    caf::replies_to<messages::report_outcome>::with<messages::outcome_reply>,
    caf::replies_to<messages::get_state>::with<messages::actor_state>,
    caf::reacts_to<messages::report_health>, caf::reacts_to<messages::apply_spec>>;

/// Where each actor lives. Thread-safe.
class directory {
public:
  void set(std::uint64_t id, level_actor handle) {
    std::unique_lock guard{mutex_};
    handles_[id] = std::move(handle);
  }
  void erase(std::uint64_t id) {
    std::unique_lock guard{mutex_};
    handles_.erase(id);
  }
  /// Null if there is none.
  [[nodiscard]] level_actor find(std::uint64_t id) const {
    std::shared_lock guard{mutex_};
    const auto i = handles_.find(id);
    return i == handles_.end() ? level_actor{} : i->second;
  }

private:
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::uint64_t, level_actor> handles_;
};

} // namespace echelon::actors
