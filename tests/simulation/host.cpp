#include "host.hpp"

#include "cluster/desk.hpp"
#include "cluster/quorum_membership.hpp"

#include <caf/actor_proxy.hpp>
#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>
#include <caf/detail/sync_request_bouncer.hpp>
#include <caf/io/middleman.hpp>
#include <caf/io/network/test_multiplexer.hpp>
#include <caf/make_actor.hpp>
#include <caf/scoped_execution_unit.hpp>
#include <caf/send.hpp>

#include <stdexcept>

namespace echelon::simulation {

using namespace std::chrono_literals;

namespace {

caf::scheduler::test_coordinator& coordinator(caf::actor_system& system) {
  return dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler());
}

/// An actor of another host, as this one sees it.
class remote final : public caf::actor_proxy {
public:
  remote(caf::actor_config& cfg, host& home) : actor_proxy(cfg), home_(&home) {}
  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit*) override {
    if (home_ != nullptr) home_->send(node(), id(), *what);
  }
  void kill_proxy(caf::execution_unit* ctx, caf::error reason) override {
    home_ = nullptr;
    cleanup(std::move(reason), ctx);
  }

private:
  host* home_;
};

} // namespace

host::config::config() {
  add_message_types<caf::id_block::echelon>();
  // For the identity of the node alone; nothing is listened to.
  load<caf::io::middleman, caf::io::network::test_multiplexer>();
  set("middleman.manual-multiplexing", true);
  set("middleman.attach-utility-actors", true);
  set("scheduler.policy", caf::atom("testing"));
  set("logger.console", caf::atom("none"));
}

/// Looks again and again for those that are wanted.
class host::lookout final : public cluster::scout {
public:
  explicit lookout(host& of) : of_(of) {}
  void want(std::set<std::string> addresses) override {
    wanted_ = std::move(addresses);
    if (!looking_ && !wanted_.empty()) look();
  }
  void refused(const std::string&, const std::string&) override {}

private:
  void look() {
    looking_ = true;
    of_.time_.after(of_.time_.draw(100ms, 400ms), [this, alive = of_.alive_] {
      if (!*alive) return;
      of_.run([this] {
        looking_ = false;
        for (const auto& address : wanted_)
          if (of_.net_.reachable(of_.name_, address.substr(0, address.find(':'))))
            caf::anon_send(of_.office_, cluster::reachable_atom::value, address);
        if (!wanted_.empty()) look();
      });
    });
  }

  host& of_;
  std::set<std::string> wanted_;
  bool looking_ = false;
};

host::host(timeline& time, wires& net, std::string name, std::uint64_t incarnation,
           std::uint32_t size, bool leases, const policy::topology_ptr& topology)
    : time_(time), net_(net), name_(std::move(name)), incarnation_(incarnation),
      system_(std::make_unique<caf::actor_system>(config_)), scheduler_(coordinator(*system_)),
      proxies_(*system_, *this) {
  system_->await_actors_before_shutdown(false);
  scheduler_.clock().current_time = time_.now();
  tree_ = std::make_unique<actors::hierarchy>(*system_, topology, true,
                                              static_cast<std::uint32_t>(incarnation_));
  auto& inside = tree_->inside();
  inside.where->set_elsewhere([map = map_](std::uint64_t id) { return map->to(id).desk; });
  inside.where->act_until = 0;
  inside.where->node = name_;
  if (leases) inside.leases->enable(name_);
  desk_ = system_->spawn(cluster::desk, std::shared_ptr<const actors::directory>{inside.where},
                         std::shared_ptr<const cluster::board>{map_});
  cluster::office_setup setup;
  auto& own = setup.settings;
  own.cluster = "simulated";
  own.self = {name_, incarnation_, name_ + ":1", policy::gateway_of(tree_->new_hold())};
  own.size = size;
  for (std::uint32_t i = 0; i < size; ++i)
    setup.seeds.insert(std::string(1, static_cast<char>('a' + i)) + ":1");
  setup.seeds.erase(own.self.address);
  setup.join = [](cluster::membership_settings s, const std::function<void()>&) {
    return std::make_unique<cluster::quorum_membership>(std::move(s));
  };
  setup.tree = tree_.get();
  setup.desk = desk_;
  setup.map = map_;
  setup.report = report_;
  setup.ways = std::make_shared<lookout>(*this);
  dials_ = system_->spawn(dialing, this);
  setup.dial = dial();
  setup.round = std::make_shared<cluster::reload_round>();
  setup.topology = topology;
  office_ = system_->spawn(cluster::office, std::move(setup));
  // Whoever connects finds it.
  system_->registry().put(office_.id(), caf::actor_cast<caf::strong_actor_ptr>(office_));
  net_.add(this);
}

host::~host() {
  ended_ = true;
  *alive_ = false;
  proxies_.clear();
  caf::anon_send_exit(office_, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(desk_, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(dials_, caf::exit_reason::user_shutdown);
  while (scheduler_.has_job())
    scheduler_.run_once();
  tree_.reset();
  scheduler_.clock().cancel_all();
  while (scheduler_.has_job())
    scheduler_.run_once();
  office_ = nullptr;
  desk_ = nullptr;
  dials_ = nullptr;
  map_.reset();
}

caf::behavior host::dialing(caf::stateful_actor<open_dials>* self, host* of) {
  return {
      [=](caf::connect_atom, const std::string& peer) -> caf::result<caf::strong_actor_ptr> {
        auto promise = self->make_response_promise<caf::strong_actor_ptr>();
        const auto number = ++self->state.last;
        self->state.open.emplace(number, promise);
        of->time_.after(2 * of->net_.delay(), [of, peer, number, alive = of->alive_] {
          if (*alive) of->run([of, peer, number] { of->answer_dial(peer, number); });
        });
        return promise;
      },
      [=](std::uint64_t number, const caf::strong_actor_ptr& found) {
        auto promise = std::move(self->state.open.at(number));
        self->state.open.erase(number);
        if (found)
          promise.deliver(found);
        else
          promise.deliver(caf::make_error(caf::sec::cannot_connect_to_node));
      },
  };
}

void host::answer_dial(const std::string& peer, std::uint64_t number) {
  caf::strong_actor_ptr found;
  if (auto* to = net_.find(peer); to != nullptr && net_.connect(name_, peer))
    found = proxies_.get_or_put(to->id(), to->office_.id());
  caf::anon_send(dials_, number, found);
}

cluster::dialer host::dial() {
  return [to = dials_](caf::event_based_actor* self, const std::string& peer, std::uint16_t,
                       const std::function<void(const caf::strong_actor_ptr&)>& then,
                       const std::function<void(const caf::error&)>& failed) {
    self->request(to, 3s, caf::connect_atom::value, peer).then(then, failed);
  };
}

void host::freeze() {
  frozen_ = true;
  frozen_at_ = time_.now();
}

void host::thaw() {
  slept_ = slept();
  frozen_ = false;
  auto waiting = std::exchange(later_, {});
  for (auto& what : waiting)
    run(std::move(what));
}

void host::run(std::function<void()> what) {
  if (ended_) return;
  if (frozen_) {
    later_.push_back(std::move(what));
    return;
  }
  scheduler_.clock().current_time = time_.now(); // Its timers fire in work().
  what();
}

void host::leave() {
  caf::anon_send(office_, cluster::leave_atom::value);
}

time_point host::next() const {
  if (frozen_) return time_point::max();
  const auto& schedule = scheduler_.clock().schedule();
  return schedule.empty() ? time_point::max() : schedule.begin()->first;
}

bool host::work() {
  if (frozen_) return false;
  auto& clock = scheduler_.clock();
  bool any = clock.advance_time(time_.now() - clock.now()) > 0;
  while (scheduler_.has_job()) {
    scheduler_.run_once();
    any = true;
  }
  return any;
}

void host::receive(const caf::node_id& from, caf::actor_id target, const std::vector<char>& bytes,
                   caf::message_id mid) {
  run([this, from, target, bytes, mid] {
    caf::scoped_execution_unit unit{system_.get()};
    unit.proxy_registry_ptr(&proxies_);
    caf::strong_actor_ptr sender;
    caf::message content;
    caf::binary_deserializer source{&unit, bytes};
    if (auto error = source(sender, content))
      throw std::logic_error("cannot read a message: " + system_->render(error));
    if (const auto to = system_->registry().get(target))
      to->enqueue(std::move(sender), mid, std::move(content), nullptr);
    else
      caf::detail::sync_request_bouncer{caf::exit_reason::remote_link_unreachable}(sender, mid);
  });
}

void host::lost(const caf::node_id& peer) {
  run([this, peer] { proxies_.erase(peer); });
}

void host::send(const caf::node_id& to, caf::actor_id target, caf::mailbox_element& what) {
  if (ended_) return;
  std::vector<char> bytes;
  caf::scoped_execution_unit unit{system_.get()};
  unit.proxy_registry_ptr(&proxies_);
  caf::binary_serializer sink{&unit, bytes};
  auto content = what.move_content_to_message();
  if (auto error = sink(what.sender, content))
    throw std::logic_error("cannot write a message: " + system_->render(error));
  net_.post(*this, to, target, std::move(bytes), what.mid);
}

void host::look_at_each(const std::function<void(const actors::level_core&)>& look) {
  tree_->inside().children->look_at_each(look);
}

caf::strong_actor_ptr host::make_proxy(caf::node_id nid, caf::actor_id aid) {
  caf::actor_config cfg;
  return caf::make_actor<remote, caf::strong_actor_ptr>(aid, std::move(nid), system_.get(), cfg,
                                                        *this);
}

} // namespace echelon::simulation
