/// Type ids of everything that travels between actors. Appended, never reordered: they go over the
/// wire.
#pragma once

#include "messages/admission.hpp"
#include "messages/cluster.hpp"
#include "messages/handover.hpp"
#include "messages/lease.hpp"
#include "messages/reload.hpp"

#include <caf/actor_control_block.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/type_id.hpp>

#include <memory>

namespace echelon::policy {
struct actor_spec;
}

namespace echelon::messages {

/// Gives an actor new settings, inside one process. Null: the actor is no longer part of the
/// hierarchy and ends once nothing is held.
struct apply_spec {
  std::shared_ptr<const policy::actor_spec> spec;
};

/// Who speaks, and where its desk is. Both ways, once a connection stands.
struct introduction {
  std::string cluster;
  std::uint32_t protocol = beat{}.protocol;
  member from;
  caf::strong_actor_ptr desk;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, introduction& x) {
  auto& [cluster, protocol, from, desk] = x;
  return f(cluster, protocol, from, desk);
}

} // namespace echelon::messages

CAF_BEGIN_TYPE_ID_BLOCK(echelon, caf::first_custom_type_id)
CAF_ADD_TYPE_ID(echelon, (echelon::messages::admit_request))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::admit_reply))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::wait_request))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::wait_reply))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::turn_granted))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::report_outcome))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::outcome_reply))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::get_state))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::member_state))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::actor_state))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::apply_spec))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::report_health))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::member))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::view))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::beat))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::beat_ack))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::ballot))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::prepare_view))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::promise_view))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::accept_view))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::view_accepted))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::view_agreed))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::actor_memory))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::hand_over))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::pull_placement))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::placement_handed))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::actor_holdings))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::inventory))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::actor_ceiling))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::ceilings))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::ceilings_noted))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::lost_gateway))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::ask_holdings))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::tell_holdings))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::reconcile_holds))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::introduction))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::config_file))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::prepare_reload))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::reload_prepared))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::commit_reload))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::claim_lease))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::lease_reply))
CAF_ADD_TYPE_ID(echelon, (echelon::messages::recall_lease))
CAF_END_TYPE_ID_BLOCK(echelon)

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(echelon::messages::apply_spec)
