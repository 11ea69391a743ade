/// Which node owns which actor. Pure.
#pragma once

#include "messages/cluster.hpp"
#include "policy/topology.hpp"

#include <set>
#include <string>

namespace echelon::cluster {

/// The owner of what is placed by `key`: the member with the highest hash of both (rendezvous
/// hashing, Thaler and Ravishankar 1998), so that only what a node gains or loses moves. Null
/// without members.
[[nodiscard]] const messages::member* owner_of(const messages::view& x, policy::path_id key);

/// Whether the voters among `nodes` may decide for the view: more than half of its size, or half of
/// it with its first voter. Any two quorums of a view share a node.
[[nodiscard]] bool is_quorum(const messages::view& x, const std::set<std::string>& nodes);

/// The member of this name, or null.
[[nodiscard]] const messages::member* find_member(const messages::view& x, const std::string& node);

/// Whether this very process is a member.
[[nodiscard]] bool has_member(const messages::view& x, const messages::member& who);

/// Whether a member of the view before is neither in this one nor left in good order.
[[nodiscard]] bool excludes(const messages::view& next, const messages::member& x);

} // namespace echelon::cluster
