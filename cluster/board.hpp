/// What the office knows and the desk and the directory read: who owns what, and the way there.
/// CAF-facing. Thread-safe.
#pragma once

#include "actors/types.hpp"
#include "cluster/placement.hpp"
#include "policy/topology.hpp"

#include <map>
#include <mutex>
#include <string>

namespace echelon::cluster {

class board {
public:
  void set_self(messages::member self) {
    const std::lock_guard guard{mutex_};
    self_ = std::move(self);
  }
  void set_topology(policy::topology_ptr x) {
    const std::lock_guard guard{mutex_};
    topology_ = std::move(x);
  }
  void set_view(messages::view x) {
    const std::lock_guard guard{mutex_};
    view_ = std::move(x);
  }
  /// The desk of a node; null: there is no way to it.
  void set_desk(const std::string& node, actors::level_actor desk) {
    const std::lock_guard guard{mutex_};
    if (desk)
      desks_[node] = std::move(desk);
    else
      desks_.erase(node);
  }

  struct way {
    actors::level_actor desk; ///< Null: nobody owns it now, or there is no way to the owner.
    bool own = false;         ///< This node owns it.
  };
  [[nodiscard]] way to(policy::path_id actor) const {
    const std::lock_guard guard{mutex_};
    const auto* spec = topology_ ? topology_->find(actor) : nullptr;
    const auto* owner = spec ? owner_of(view_, spec->place) : nullptr;
    if (owner == nullptr) return {};
    // A process before this one, of the same name: what is sent to it would come here and go round.
    if (owner->node == self_.node && *owner != self_) return {};
    const auto i = desks_.find(owner->node);
    return {i == desks_.end() ? actors::level_actor{} : i->second, *owner == self_};
  }
  void set_config(std::uint64_t fingerprint) {
    const std::lock_guard guard{mutex_};
    config_ = fingerprint;
  }
  [[nodiscard]] std::uint64_t config() const {
    const std::lock_guard guard{mutex_};
    return config_;
  }
  [[nodiscard]] policy::topology_ptr topology() const {
    const std::lock_guard guard{mutex_};
    return topology_;
  }
  /// Name of the owner's node; empty: nobody.
  [[nodiscard]] std::string owner(policy::path_id actor) const {
    const std::lock_guard guard{mutex_};
    const auto* spec = topology_ ? topology_->find(actor) : nullptr;
    const auto* owner = spec ? owner_of(view_, spec->place) : nullptr;
    return owner ? owner->node : std::string{};
  }

private:
  mutable std::mutex mutex_;
  messages::member self_;
  messages::view view_;
  policy::topology_ptr topology_;
  std::uint64_t config_ = 0;
  std::map<std::string, actors::level_actor> desks_;
};

} // namespace echelon::cluster
