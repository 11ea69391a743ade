#include "cluster/office.hpp"

#include "config/log.hpp"
#include "config/url.hpp"

#include <caf/send.hpp>

namespace echelon::cluster {

using namespace std::chrono_literals;

namespace {

constexpr auto tick_interval = 100ms;

} // namespace

time_point office_state::now() const {
  return self_->clock().now();
}

void office_state::begin(caf::event_based_actor* self, office_setup setup) {
  self_ = self;
  setup_ = std::move(setup);
  const auto by = [office = self_->address()](auto what) {
    return [office, what] {
      if (const auto to = caf::actor_cast<caf::actor>(office)) caf::anon_send(to, what);
    };
  };
  core_ = setup_.join(setup_.settings, by(wake_atom::value));
  setup_.tree->inside().held->set_wake(by(ceilings_atom::value));
  tenures_.emplace(setup_.settings.self);
  setup_.map->set_self(setup_.settings.self);
  setup_.map->set_desk(setup_.settings.self.node, setup_.desk);
  take_topology(setup_.topology);
  self_->set_down_handler([this](const caf::down_msg& msg) {
    std::erase_if(linked_, [&](const auto& x) { return x.second.address() == msg.source; });
    std::erase_if(contacts_, [&](const auto& x) {
      if (x.second.office.address() != msg.source) return false;
      log().warn("cluster: the connection to node '{}' is gone", x.first);
      setup_.map->set_desk(x.first, {});
      return true;
    });
  });
  self_->set_exit_handler([this](const caf::exit_msg& msg) {
    const auto& held = setup_.tree->inside().held;
    held->set_wake(nullptr);
    held->expire(time_point::max());
    end_retained();
    self_->quit(msg.reason);
  });
  self_->send(self_, tick_atom::value);
}

messages::introduction office_state::own() const {
  return {core_->settings().cluster, messages::beat{}.protocol, core_->settings().self,
          caf::actor_cast<caf::strong_actor_ptr>(setup_.desk)};
}

caf::behavior office_state::behavior() {
  const auto receive = [this](const auto& x) {
    core_->receive(x, now());
    pump();
  };
  return {
      [this](tick_atom) { tick(); },
      [this](wake_atom) {
        core_->tick(now());
        pump();
      },
      [this](leave_atom) {
        core_->leave();
        setup_.tree->inside().leases->close();
      },
      [this](reload_atom) {
        core_->set_config(setup_.map->config());
        take_topology(setup_.map->topology());
      },
      [this](carry_atom) { carry_over(); },
      [this](reachable_atom, const std::string& address) { link(address); },
      [this](const messages::introduction& x) {
        if (const auto& from = self_->current_sender())
          introduced(x, caf::actor_cast<caf::actor>(from));
        return own();
      },
      [receive](const messages::beat& x) { receive(x); },
      [receive](const messages::beat_ack& x) { receive(x); },
      [receive](const messages::prepare_view& x) { receive(x); },
      [receive](const messages::promise_view& x) { receive(x); },
      [receive](const messages::accept_view& x) { receive(x); },
      [receive](const messages::view_accepted& x) { receive(x); },
      [receive](const messages::view_agreed& x) { receive(x); },
      [this](const messages::pull_placement& x) { answer_pull(x); },
      [this](const messages::placement_handed& x) { take_handed(x); },
      [this](const messages::ask_holdings& x) { answer_holdings(x); },
      [this](const messages::tell_holdings& x) { take_holdings(x); },
      [this](const messages::inventory& x) { take_inventory(x); },
      [this](ceilings_atom) { tell_ceilings(); },
      [this](const messages::ceilings& x) { take_ceilings(x); },
      [this](const messages::ceilings_noted& x) {
        take_noted(x);
        tell_ceilings();
      },
      [this](const messages::prepare_reload& x) { answer_prepare(x); },
      [this](const messages::reload_prepared& x) { take_prepared(x); },
      [this](const messages::commit_reload& x) { take_commit(x); },
  };
}

/// Connects with who listens at `address`, and says who we are.
void office_state::link(const std::string& address) {
  std::string host;
  std::uint16_t port = 0;
  if (linked_.count(address) != 0 || !config::split_address(address, host, port)) return;
  const auto refused = [this, address](const caf::error& error) {
    linked_.erase(address);
    setup_.ways->refused(address,
                         "what listens there is no node of a cluster, or does not let us in ("
                             + self_->system().render(error) + ")");
  };
  const auto greet = [this, address, refused](const caf::strong_actor_ptr& found) {
    if (!found) return refused(caf::sec::cannot_connect_to_node);
    const auto office = caf::actor_cast<caf::actor>(found);
    linked_[address] = office;
    self_->monitor(office);
    self_->request(office, 2s, own())
        .then([this, office](const messages::introduction& x) { introduced(x, office); }, refused);
  };
  setup_.dial(self_, host, port, greet, refused);
}

void office_state::introduced(const messages::introduction& x, const caf::actor& from) {
  const auto& own = core_->settings();
  if (x.from.node == own.self.node) {
    if (x.from != own.self)
      log().warn("cluster: {} has the name of this node, '{}': refused", x.from.address,
                 x.from.node);
    return;
  }
  if (x.cluster != own.cluster || x.protocol != messages::beat{}.protocol) {
    log().warn("cluster: node '{}' at {} is of cluster '{}', protocol {}: refused", x.from.node,
               x.from.address, x.cluster, x.protocol);
    return;
  }
  auto& c = contacts_[x.from.node];
  if (c.office != from) {
    self_->monitor(from);
    log().info("cluster: connected with node '{}' at {}", x.from.node, x.from.address);
  }
  c = {x.from, from};
  linked_[x.from.address] = from;
  setup_.map->set_desk(x.from.node, caf::actor_cast<actors::level_actor>(x.desk));
}

void office_state::send_to(const std::string& node, const protocol_message& what) {
  std::visit([&](const auto& x) { tell(node, x); }, what);
}

void office_state::tick() {
  self_->delayed_send(self_, tick_interval, tick_atom::value);
  core_->tick(now());
  pump();
  ask_around();
  if (now() - last_inventory_ >= 250ms) tell_inventory();
  setup_.tree->inside().held->expire(now() - 2s);
  tell_ceilings();
  if (now() - last_reconcile_ >= 2s) reconcile();
  setup_.tree->expire(now() - 2s);
  if (round_ && now() >= round_->until) end_round();
  look_for_ways();
  report();
}

void office_state::pump() {
  for (const auto& x : core_->take_outgoing()) {
    if (!x.to.empty()) {
      send_to(x.to, x.what);
      continue;
    }
    for (const auto& [node, c] : contacts_)
      send_to(node, x.what);
  }
  for (const auto& text : core_->take_notes())
    log().log(text.rfind("cluster view", 0) == 0 ? spdlog::level::info : spdlog::level::warn,
              "cluster: {}", text);
  if (core_->take_reset()) forget_everything();
  const auto doubt = core_->take_doubt();
  take_part();
  if (doubt) start_over();
  for (const auto& x : core_->take_views())
    take_view(x);
  setup_.tree->inside().where->act_until = core_->lease_until(now()).time_since_epoch().count();
}

/// Everyone that was heard of and to whom there is no way.
void office_state::look_for_ways() {
  auto wanted = setup_.seeds;
  for (const auto& m : core_->current().members)
    wanted.insert(m.address);
  for (const auto& m : core_->alive(now()))
    wanted.insert(m.address);
  if (!part_.whole()) // Those on other sides.
    for (const auto& m : core_->current().before)
      wanted.insert(m.address);
  wanted.erase(core_->settings().self.address);
  for (const auto& [address, office] : linked_)
    wanted.erase(address);
  setup_.ways->want(std::move(wanted));
}

void office_state::report() {
  auto& x = *setup_.report;
  const std::lock_guard guard{x.mutex};
  x.self = core_->settings().self;
  x.view = core_->current();
  x.acts = now() < core_->lease_until(now());
  x.part = core_->part();
  x.handed_over = !core_->is_member() && retained_.empty() && started_.empty() && core_->let_go();
  const bool alone = x.view.members.size() < 2 && !core_->last_one_leaves();
  x.stays = core_->is_member() && (!x.acts || alone);
  x.differing = core_->differing();
  x.heard.clear();
  for (const auto& m : core_->alive(now()))
    x.heard.insert(m.node);
}

caf::behavior office(caf::stateful_actor<office_state>* self, office_setup setup) {
  self->state.begin(self, std::move(setup));
  return self->state.behavior();
}

} // namespace echelon::cluster
