/// Who is in the cluster, and until when this node may act as a member: what every way of agreeing
/// on that promises. Pure: time comes in, messages come in and go out.
///
/// Views form one chain. While a member acts (before lease_until()), no view without it is agreed,
/// unless it asked to leave and was left; so whoever takes over by such a view finds it stopped.
#pragma once

#include "cluster/placement.hpp"
#include "messages/cluster.hpp"
#include "policy/settings.hpp"
#include "policy/share.hpp"

#include <cstdint>
#include <set>
#include <string>
#include <variant>
#include <vector>

namespace echelon::cluster {

using policy::duration;
using policy::time_point;

struct membership_settings {
  std::string cluster;
  messages::member self;
  std::uint32_t size = 1; ///< Nodes that the configuration names, this one among them.
  std::uint64_t config = 0;
  bool unanimous = false; ///< Views come only when all members agree; see scaled_membership.
  duration beat = std::chrono::milliseconds{400};
  duration lease = std::chrono::milliseconds{2000};
  duration detection = std::chrono::milliseconds{3000}; ///< T of the docs; > lease.
};

using protocol_message =
    std::variant<messages::beat, messages::beat_ack, messages::prepare_view, messages::promise_view,
                 messages::accept_view, messages::view_accepted, messages::view_agreed>;

/// A message for the node of this name; of no name: for everyone that there is a way to.
struct outgoing {
  std::string to;
  protocol_message what;
};

class membership {
public:
  membership() = default;
  virtual ~membership() = default;
  membership(const membership&) = delete;
  membership& operator=(const membership&) = delete;

  /// `static` or `etcd`, as in the configuration.
  [[nodiscard]] virtual const char* kind() const = 0;

  /// True once after this node gave up its part of a chain that the others have left: it holds
  /// nothing any more, and joins as a new process.
  [[nodiscard]] virtual bool take_reset() = 0;
  /// True once after this node could not act for so long that others may have owned what it owns
  /// and may have forgotten it since. What it has is void.
  [[nodiscard]] virtual bool take_doubt() = 0;
  /// Call at least each `beat`.
  virtual void tick(time_point now) = 0;
  virtual void receive(const protocol_message& x, time_point now) = 0;
  /// This node's configuration has changed.
  virtual void set_config(std::uint64_t x) = 0;
  /// Asks to be left out of the next view.
  virtual void leave() = 0;
  /// Whether the last member of all leaves by a view too; else it just ends.
  [[nodiscard]] virtual bool last_one_leaves() const { return false; }
  /// Call again and again when this node, having left, holds nothing for the others any more.
  /// @returns True when nothing is left to be done.
  virtual bool let_go() { return true; }
  [[nodiscard]] virtual std::vector<outgoing> take_outgoing() = 0;
  /// What people should know: refused strangers, views, and so on. Each once.
  [[nodiscard]] virtual std::vector<std::string> take_notes() = 0;

  [[nodiscard]] virtual const messages::view& current() const = 0;
  /// Views agreed since the last call, in order and without a gap, but for a first one.
  [[nodiscard]] virtual std::vector<messages::view> take_views() = 0;
  /// Whether this process is a member of the current view.
  [[nodiscard]] bool is_member() const { return has_member(current(), settings().self); }
  /// Whether what these nodes know outlives the loss of any that may be lost together, itself among
  /// them. `nodes`: names of members.
  [[nodiscard]] virtual bool outlives(const std::set<std::string>& nodes) const = 0;
  /// This node may act as a member until then (not at or after it).
  [[nodiscard]] virtual time_point lease_until(time_point now) const = 0;
  /// Everyone known to live, this node among them. Sorted.
  [[nodiscard]] virtual std::vector<messages::member> alive(time_point now) const = 0;
  /// Names of nodes, heard of by now or before, whose configuration means something else than ours.
  [[nodiscard]] virtual std::set<std::string> differing() const = 0;
  [[nodiscard]] virtual const membership_settings& settings() const = 0;
  /// What part of each limit the members of current() may use together.
  [[nodiscard]] virtual policy::share part() const { return {}; }
};

} // namespace echelon::cluster
