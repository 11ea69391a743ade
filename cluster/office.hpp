/// The actor of a node that talks with the offices of the others: membership, who owns what,
/// handing over and taking over. CAF-facing.
#pragma once

#include "actors/hierarchy.hpp"
#include "actors/internals.hpp"
#include "cluster/board.hpp"
#include "cluster/membership.hpp"
#include "cluster/node.hpp"
#include "cluster/scout.hpp"
#include "cluster/tenancy.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <algorithm>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace echelon::cluster {

/// What people ask about the cluster. Thread-safe.
struct cluster_report {
  std::mutex mutex;
  messages::member self;
  messages::view view;
  std::set<std::string> heard;     ///< Nodes heard within the detection time.
  std::set<std::string> differing; ///< Nodes that run another configuration.
  bool acts = false;
  policy::share part;
  bool handed_over = false; ///< After leave(): nothing is held for the others any more.
  bool stays = false; ///< A member to whose leaving nobody can agree, or to whom there is no heir.
};

/// One configuration on its way to all nodes. Thread-safe by its mutex.
struct reload_round {
  std::mutex mutex;
  std::vector<messages::config_file> files;
  std::promise<std::vector<std::string>> done;
};

struct office_setup {
  membership_settings settings;
  /// `wake`: it should be ticked soon; from any thread.
  std::function<std::unique_ptr<membership>(membership_settings, std::function<void()> wake)> join;
  std::set<std::string> seeds;
  actors::hierarchy* tree = nullptr; ///< Outlives the office.
  actors::level_actor desk;
  std::shared_ptr<board> map;
  std::shared_ptr<cluster_report> report;
  std::shared_ptr<scout> ways;
  dialer dial;
  reload_hooks hooks;
  std::shared_ptr<reload_round> round;
  policy::topology_ptr topology;
};

/// Of this actor in the list; made if there is none.
[[nodiscard]] messages::actor_holdings& entry_of(std::vector<messages::actor_holdings>& list,
                                                 policy::path_id actor);

using tick_atom = caf::atom_constant<caf::atom("tick")>;
using wake_atom = caf::atom_constant<caf::atom("wake")>;
using leave_atom = caf::atom_constant<caf::atom("leave")>;
using reachable_atom = caf::atom_constant<caf::atom("reachable")>;
using carry_atom = caf::atom_constant<caf::atom("carry")>;
using ceilings_atom = caf::atom_constant<caf::atom("ceilings")>;
using reload_atom = caf::atom_constant<caf::atom("reload")>;

class office_state {
public:
  static inline constexpr const char* name = "office";

  void begin(caf::event_based_actor* self, office_setup setup);
  caf::behavior behavior();

private:
  struct contact {
    messages::member who;
    caf::actor office;
  };
  struct rebuild {
    std::vector<messages::member> members; ///< Who is asked.
    std::set<std::string> waiting;         ///< Those whose answer is missing.
    std::map<policy::path_id, messages::actor_holdings> known;
    std::map<std::uint32_t, messages::lost_gateway> lost; ///< By tag.
    std::uint64_t unknown = 0; ///< Holds of which nobody knows more than that there are.
    time_point asked{};
    std::uint64_t round = 0; ///< Of questions, in which it was asked for first.

    void ask(const std::vector<messages::member>& all) {
      members = all;
      waiting.clear();
      for (const auto& m : all)
        waiting.insert(m.node);
      asked = {};
    }
  };
  struct handed {
    messages::member to;
    messages::placement_handed what;
  };
  struct stock {        ///< What a gateway has told of itself.
    time_point heard{}; ///< Its last inventory.
    std::map<policy::path_id, std::vector<std::uint64_t>> holds;
    time_point noted{}; ///< Its last ceilings.
    std::vector<messages::actor_ceiling> ceilings;
    std::uint64_t number = 0; ///< Of the ceilings.
    [[nodiscard]] time_point last() const { return std::max(heard, noted); }
  };

  // office.cpp: the way to others, and the core's messages.
  void tick();
  void pump();
  void link(const std::string& address);
  void introduced(const messages::introduction& x, const caf::actor& from);
  void send_to(const std::string& node, const protocol_message& what);
  template <class Message>
  void tell(const std::string& node, const Message& x) {
    if (const auto i = contacts_.find(node); i != contacts_.end()) self_->send(i->second.office, x);
  }
  void look_for_ways();
  void report();
  messages::introduction own() const;

  // office_places.cpp: what this node owns.
  void take_view(const messages::view& x);
  void take_topology(policy::topology_ptr x);
  bool members_differ() const;
  void settle();
  void take_part();
  void scale_actors();
  void fill_with_unknown(rebuild& of, policy::path_id key) const;
  void keep_breakers();
  void add_breakers(messages::tell_holdings& to);
  void forget_everything();
  void start_over();
  void end_actors();
  void end_retained();
  void ask_around();
  void gather(policy::path_id key, std::function<void(std::vector<messages::actor_memory>)> then);
  void take_back(policy::path_id key);
  void start_with(policy::path_id key, const std::vector<messages::actor_memory>& memories);
  void answer_pull(const messages::pull_placement& x);
  void take_handed(const messages::placement_handed& x);
  void answer_holdings(const messages::ask_holdings& x);
  void take_holdings(const messages::tell_holdings& x);
  void finish_rebuild(policy::path_id key);
  void arrived();
  time_point now() const;

  // office_known.cpp: who holds what.
  void take_inventory(const messages::inventory& x);
  void tell_inventory();
  void reconcile();
  void tell_ceilings();
  void take_ceilings(const messages::ceilings& x);
  void take_noted(const messages::ceilings_noted& x);
  bool outlive(const std::set<messages::member>& members) const;
  void renew_known();
  void add_lost(messages::tell_holdings& to) const;
  void count_lost(rebuild& of) const;
  void add_unknown(rebuild& of, policy::path_id actor, std::int64_t n) const;

  // office_sides.cpp: take_part() to add_breakers(), for sides of a split.

  // office_reload.cpp: one configuration for all.
  void carry_over();
  void end_round();
  void answer_prepare(const messages::prepare_reload& x);
  void take_prepared(const messages::reload_prepared& x);
  void take_commit(const messages::commit_reload& x);

  caf::event_based_actor* self_ = nullptr;
  office_setup setup_;
  std::unique_ptr<membership> core_;
  std::optional<tenancy> tenures_;
  std::map<std::string, contact> contacts_;
  std::map<std::string, caf::actor> linked_; ///< Offices by address.
  policy::topology_ptr whole_;               ///< As configured.
  policy::topology_ptr topology_;            ///< With our side's part of each limit.
  policy::share part_;
  std::map<policy::path_id, std::vector<policy::path_id>> places_; ///< Actors by placement.
  std::vector<policy::path_id> keys_;
  std::set<policy::path_id> started_; ///< Placements whose actors run here.
  std::map<policy::path_id, std::vector<actors::level_actor>> retained_;
  std::set<policy::path_id> gathering_;
  std::map<policy::path_id, handed> handed_;
  std::map<policy::path_id, rebuild> rebuilds_;
  std::uint64_t rounds_ = 0;
  /// The newest round of each node by which what was on its way here has ended.
  std::map<messages::member, std::uint64_t> fenced_;
  std::map<std::uint32_t, stock> stocks_; ///< By tag.
  /// Members that know our newest ceilings; that know the newest which may be begun by.
  std::set<messages::member> noted_by_, known_by_;
  std::map<std::uint32_t, messages::ceilings> early_; ///< Of a view that we do not know. By tag.
  std::map<policy::path_id, time_point> pulled_;
  struct running_round {
    std::uint64_t number = 0;
    std::set<std::string> waiting;
    std::vector<std::string> faults;
    time_point until{};
  };
  std::optional<running_round> round_;
  bool differed_ = false; ///< Before the reload that is under way not all members ran the same.
  std::map<std::string, messages::prepare_reload> prepared_; ///< By node that asked.
  struct kept_breakers { ///< Of actors that lived here for one side.
    std::size_t missing = 0;
    time_point at{};
    std::map<policy::path_id, policy::breaker_memory> of;
  };
  std::shared_ptr<kept_breakers> breakers_ = std::make_shared<kept_breakers>();
  duration longest_attempt_{};
  time_point last_inventory_{}, last_reconcile_{};
};

/// Publish it where the other nodes connect to.
caf::behavior office(caf::stateful_actor<office_state>* self, office_setup setup);

} // namespace echelon::cluster
