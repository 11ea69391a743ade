/// What every actor of the hierarchy decides, without CAF: its gate, and who comes next.
#pragma once

#include "messages/admission.hpp"
#include "messages/handover.hpp"
#include "policy/gate.hpp"
#include "policy/rotation.hpp"
#include "policy/topology.hpp"

#include <map>
#include <optional>
#include <unordered_map>
#include <variant>

namespace echelon::actors {

/// The request goes on to this actor.
struct forward_to {
  policy::path_id next = 0;
};

class level_core {
public:
  level_core(const policy::actor_spec& spec, policy::time_point now);

  /// Takes what this level asks for and names who is next, or answers. `msg` gathers the trail.
  [[nodiscard]] std::variant<forward_to, messages::admit_reply> admit(messages::admit_request& msg,
                                                                      policy::time_point now);
  [[nodiscard]] messages::wait_reply wait(const messages::wait_request& msg,
                                          policy::time_point now);
  [[nodiscard]] messages::outcome_reply report(const messages::report_outcome& msg,
                                               policy::time_point now);
  void health(const messages::report_health& msg, policy::time_point now);
  /// Waiters that may go on now; each must be told.
  [[nodiscard]] std::vector<policy::hold_id> woken(policy::time_point now);
  /// A permit is kept or held for it.
  [[nodiscard]] bool keeps(policy::hold_id hold) const { return gate_.holds(hold); }
  /// New settings; counts, permits in flight, breaker and waiters stay.
  void apply(const policy::actor_spec& spec, policy::time_point now);
  /// From now on everybody is refused; what is held may end.
  void retire() { retired_ = true; }
  [[nodiscard]] bool finished(policy::time_point now) const { return retired_ && idle(now); }
  /// Nothing is held and nobody waits.
  [[nodiscard]] bool idle(policy::time_point now) const;
  [[nodiscard]] messages::actor_state state(policy::time_point now) const;
  // What another node takes over, see policy::gate.
  [[nodiscard]] messages::actor_memory save(policy::time_point now) const;
  void load(const messages::actor_memory& x, policy::time_point now);
  /// How long a call may last: permits of lost gateways are kept for so long.
  void set_longest_attempt(policy::duration x) { gate_.set_grace(x); }
  void rebuild(const messages::actor_holdings& x, policy::time_point now);
  void reconcile(const messages::reconcile_holds& x, policy::time_point now);
  [[nodiscard]] const policy::actor_spec& spec() const { return spec_; }

  // Leases, see policy::gate.
  /// Whether a request would take a rate unit here.
  [[nodiscard]] bool charges(const messages::admit_request& msg) const;
  /// LLM tokens that it would reserve here.
  [[nodiscard]] std::int64_t tokens_of(const messages::admit_request& msg) const {
    const bool counts = spec_.at == policy::level::model || spec_.at == policy::level::key;
    return counts && charges(msg) ? msg.tokens : 0;
  }
  /// The wait that has brought it a permit here; 0: none has.
  [[nodiscard]] policy::hold_id ticket_of(const messages::admit_request& msg) const;
  [[nodiscard]] policy::lease_terms lend(const policy::lease_claim& x, policy::duration grace,
                                         policy::time_point now);
  void returned(const policy::lease_claim& x, policy::time_point now);
  [[nodiscard]] bool short_of_lent(const messages::admit_request& msg, policy::time_point now);
  /// Whom to ask to give back, because of what is so now; or, `at_once`, because of who asks.
  [[nodiscard]] std::vector<std::uint32_t> recalls(policy::time_point now, bool at_once = false);

private:
  [[nodiscard]] policy::gate_ask ask_of(const messages::admit_request& msg) const;
  messages::admit_reply refuse(const messages::admit_request& msg, policy::refusal why,
                               policy::duration retry_after) const;
  std::optional<messages::admit_reply> choose_member(messages::admit_request& msg,
                                                     policy::time_point now);
  std::optional<messages::admit_reply> choose_model(messages::admit_request& msg,
                                                    policy::time_point now);
  void note_well(const std::vector<policy::path_id>& members, policy::time_point now);
  [[nodiscard]] bool may_lend() const;
  [[nodiscard]] policy::duration ejected_for(std::size_t member, policy::time_point now) const;
  std::optional<std::size_t> member_on(const std::vector<policy::path_id>& route) const;
  void end_pass(policy::hold_id hold, std::optional<std::size_t> member, policy::outcome result,
                policy::time_point now);
  void late_failure(std::size_t member, policy::time_point now);
  void note_ejection(std::size_t member, policy::time_point now);
  std::optional<std::size_t> index_of(policy::path_id member) const;

  policy::actor_spec spec_;
  policy::gate gate_;
  policy::rotation rotation_;
  std::vector<policy::breaker> ejections_; // Pool: one a member.
  // Pool: which members a request went to.
  std::unordered_map<policy::hold_id, std::map<std::size_t, policy::breaker_pass>> passes_;
  bool retired_ = false;
  bool changed_ = false; // New settings: what was lent by the old ones comes back.
};

} // namespace echelon::actors
