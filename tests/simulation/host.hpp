/// One simulated node: the real office, desk and hierarchy in an actor system that nothing drives
/// but the world.
#pragma once

#include "timeline.hpp"
#include "wires.hpp"

#include "actors/hierarchy.hpp"
#include "actors/internals.hpp"
#include "cluster/office.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/proxy_registry.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include <deque>
#include <memory>

namespace echelon::simulation {

class host final : public caf::proxy_registry::backend {
public:
  /// A fresh process of this name. `size`: how many nodes the configuration names.
  host(timeline& time, wires& net, std::string name, std::uint64_t incarnation, std::uint32_t size,
       bool leases, const policy::topology_ptr& topology);
  ~host() override;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::uint64_t incarnation() const { return incarnation_; }
  [[nodiscard]] caf::node_id id() const { return system_->node(); }
  [[nodiscard]] actors::hierarchy& tree() { return *tree_; }
  [[nodiscard]] const cluster::cluster_report& report() const { return *report_; }
  [[nodiscard]] std::string owner(policy::path_id actor) const { return map_->owner(actor); }

  /// A frozen process does nothing, and does all of it when it wakes.
  void freeze();
  void thaw();
  [[nodiscard]] bool frozen() const { return frozen_; }
  /// How long it was frozen so far, all times together.
  [[nodiscard]] duration slept() const {
    return slept_ + (frozen_ ? time_.now() - frozen_at_ : duration::zero());
  }
  /// Something that this process does, now or when it wakes; not once it has ended.
  void run(std::function<void()> what);
  /// Asks it to leave in good order; look at report().handed_over.
  void leave();

  /// When its next timer fires.
  [[nodiscard]] time_point next() const;
  /// Fires what is due and runs until nothing is left. @returns Whether there was anything.
  bool work();

  void receive(const caf::node_id& from, caf::actor_id target, const std::vector<char>& bytes,
               caf::message_id mid);
  /// The connection is gone.
  void lost(const caf::node_id& peer);
  /// A message of one of its actors to one of another host.
  void send(const caf::node_id& to, caf::actor_id target, caf::mailbox_element& what);
  /// What the actors that live here remember.
  void look_at_each(const std::function<void(const actors::level_core&)>& look);

  caf::strong_actor_ptr make_proxy(caf::node_id nid, caf::actor_id aid) override;
  void set_last_hop(caf::node_id*) override {}

private:
  struct config : caf::actor_system_config {
    config();
  };
  class lookout;
  struct open_dials {
    std::uint64_t last = 0;
    std::map<std::uint64_t, caf::typed_response_promise<caf::strong_actor_ptr>> open;
  };
  static caf::behavior dialing(caf::stateful_actor<open_dials>* self, host* of);
  void answer_dial(const std::string& peer, std::uint64_t number);
  cluster::dialer dial();

  timeline& time_;
  wires& net_;
  std::string name_;
  std::uint64_t incarnation_;
  config config_;
  std::unique_ptr<caf::actor_system> system_;
  caf::scheduler::test_coordinator& scheduler_;
  caf::proxy_registry proxies_;
  std::unique_ptr<actors::hierarchy> tree_;
  std::shared_ptr<cluster::board> map_ = std::make_shared<cluster::board>();
  std::shared_ptr<cluster::cluster_report> report_ = std::make_shared<cluster::cluster_report>();
  actors::level_actor desk_;
  caf::actor office_, dials_;
  bool frozen_ = false, ended_ = false;
  time_point frozen_at_{};
  duration slept_{};
  std::deque<std::function<void()>> later_; ///< What came while it was frozen.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace echelon::simulation
