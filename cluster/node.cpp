#include "cluster/node.hpp"

#include "cluster/connector.hpp"
#include "cluster/desk.hpp"
#include "cluster/etcd_member.hpp"
#include "cluster/links.hpp"
#include "cluster/office.hpp"
#include "cluster/scaled_membership.hpp"
#include "config/log.hpp"

#include <caf/actor_system_config.hpp>
#include <caf/io/middleman.hpp>
#include <caf/openssl/manager.hpp>
#include <caf/openssl/publish.hpp>
#include <caf/scoped_actor.hpp>

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <future>
#include <stdexcept>
#include <thread>

namespace echelon::cluster {
namespace {

struct node_config : caf::actor_system_config {
  node_config(const config::cluster_config& x, unsigned threads) {
    add_message_types<caf::id_block::echelon>();
    load<caf::io::middleman>();
    if (!x.cert.empty()) {
      for (const auto& file : {x.cert, x.key, x.ca})
        if (!std::ifstream{file}) throw std::runtime_error("cluster.tls: cannot read " + file);
      load<caf::openssl::manager>();
      openssl_certificate = x.cert;
      openssl_key = x.key;
      openssl_cafile = x.ca;
    }
    const auto cores = std::max(2U, std::thread::hardware_concurrency());
    set("scheduler.max-threads", static_cast<std::size_t>(threads > 0 ? threads : cores));
    set("scheduler.policy", caf::atom("sharing")); // See actors/hierarchy_impl.hpp.
    set("logger.console", caf::atom("none"));
  }
};

/// What two nodes must have in common for their limits to mean the same.
std::uint64_t fingerprint(const policy::topology& x) {
  std::vector<std::string> lines;
  for (const auto& [id, spec] : x.actors) {
    // Keys come from a store too, to each node in its own time.
    if (spec.at == policy::level::key) continue;
    auto line = spec.path;
    if (spec.gate.concurrency)
      line += " c" + std::to_string(spec.gate.concurrency->limit) + ','
              + std::to_string(spec.gate.concurrency->queue_size);
    if (spec.gate.rate) {
      if (const auto* w = std::get_if<policy::sliding_window_settings>(&*spec.gate.rate))
        line += " w" + std::to_string(w->max_units) + ',' + std::to_string(w->window.count());
      if (const auto* b = std::get_if<policy::token_bucket_settings>(&*spec.gate.rate))
        line += " b" + std::to_string(b->bucket_size) + ','
                + std::to_string(b->refill_micro_per_second);
    }
    if (spec.gate.tokens) line += " t" + std::to_string(spec.gate.tokens->max_units);
    lines.push_back(std::move(line));
  }
  std::sort(lines.begin(), lines.end());
  std::string all;
  for (const auto& line : lines)
    all += line + '\n';
  return policy::id_of(all);
}

/// How this node comes to be a member. Throws std::runtime_error if files cannot be read.
std::function<std::unique_ptr<membership>(membership_settings, std::function<void()>)>
joining(const config::cluster_config& x) {
  const bool scale = x.partition == config::partition_kind::scale;
  if (x.membership == config::membership_kind::by_seeds)
    return [scale](membership_settings own,
                   const std::function<void()>&) -> std::unique_ptr<membership> {
      if (scale) return std::make_unique<scaled_membership>(std::move(own));
      return std::make_unique<quorum_membership>(std::move(own));
    };
  etcd_membership_settings settings;
  settings.ttl = std::chrono::seconds{x.etcd.lease_ttl};
  settings.version = ECHELON_VERSION;
  etcd_client_settings client;
  for (const auto& url : x.etcd.endpoints)
    client.endpoints.push_back(config::split_endpoint(url).value());
  client.ca = x.etcd.ca;
  client.cert = x.etcd.cert;
  client.key = x.etcd.key;
  client.timeout = std::chrono::milliseconds{settings.ttl} * 3 / 10;
  etcd_client::check(client);
  return [settings, client](membership_settings own, std::function<void()> wake) {
    return std::make_unique<etcd_member>(std::move(own), settings, client, std::move(wake));
  };
}

std::string host_name() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return name;
}

} // namespace

struct node::impl {
  impl(const config::cluster_config& x, unsigned threads)
      : settings(x), config(std::make_unique<node_config>(x, threads)),
        own(std::make_unique<caf::actor_system>(*config)), system(*own) {}
  impl(const config::cluster_config& x, caf::actor_system& host) : settings(x), system(host) {
    if (!host.has_middleman())
      throw std::runtime_error("a cluster needs CAF's middleman in the host's actor system: "
                               "load<caf::io::middleman>() before it is made");
    if (!x.cert.empty() && !host.has_openssl_manager())
      throw std::runtime_error(
          "cluster.tls needs CAF's OpenSSL manager in the host's actor system: "
          "load<caf::openssl::manager>() before it is made");
  }

  config::cluster_config settings;
  std::unique_ptr<node_config> config; // Null: the host's.
  std::unique_ptr<caf::actor_system> own;
  caf::actor_system& system;
  std::shared_ptr<board> map = std::make_shared<board>();
  std::shared_ptr<cluster_report> report = std::make_shared<cluster_report>();
  std::shared_ptr<reload_round> round = std::make_shared<reload_round>();
  std::shared_ptr<connector> ways;
  actors::level_actor desk;
  caf::actor office;
  actors::hierarchy* tree = nullptr;
};

node::node(const config::cluster_config& settings, caf::actor_system* host, unsigned threads)
    : impl_(host != nullptr ? std::make_unique<impl>(settings, *host)
                            : std::make_unique<impl>(settings, threads)) {}

node::~node() {
  stop();
}

caf::actor_system& node::system() {
  return impl_->system;
}

void node::start(actors::hierarchy& tree, const policy::topology_ptr& topology,
                 reload_hooks hooks) {
  auto& x = *impl_;
  const bool tls = !x.settings.cert.empty();
  x.tree = &tree;
  auto& inside = tree.inside();
  const auto map = x.map;
  inside.where->set_elsewhere([map](std::uint64_t id) { return map->to(id).desk; });
  inside.where->act_until = 0;
  x.desk = x.system.spawn(cluster::desk, std::shared_ptr<const actors::directory>{inside.where},
                          std::shared_ptr<const board>{x.map});
  office_setup setup;
  auto& own = setup.settings;
  own.cluster = x.settings.name;
  own.self.node = x.settings.node.empty() ? host_name() : x.settings.node;
  own.self.incarnation =
      static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
  own.self.tag = policy::gateway_of(tree.new_hold());
  own.config = fingerprint(*topology);
  inside.where->node = own.self.node;
  if (x.settings.leases) inside.leases->enable(own.self.node);
  const auto host = x.settings.host;
  setup.seeds.insert(x.settings.seeds.begin(), x.settings.seeds.end());
  setup.join = joining(x.settings);
  setup.tree = &tree;
  setup.desk = x.desk;
  setup.map = x.map;
  setup.report = x.report;
  setup.hooks = std::move(hooks);
  setup.round = x.round;
  setup.topology = topology;
  // The office needs the connector, and the connector the office: by way of a handle set later.
  const auto target = std::make_shared<caf::actor>();
  x.ways = std::make_shared<connector>([target](const std::string& address) {
    caf::anon_send(*target, reachable_atom::value, address);
  });
  setup.ways = x.ways;
  setup.dial = dial_by_middleman(tls, own.detection);
  const bool v6 = host.find(':') != std::string::npos;
  const auto address = [&](std::uint16_t port) {
    return (v6 ? '[' + host + ']' : host) + ':' + std::to_string(port);
  };
  own.self.address = address(x.settings.port);
  setup.seeds.erase(own.self.address);
  const auto detection = own.detection;
  own.size = static_cast<std::uint32_t>(setup.seeds.size() + 1);
  x.office = x.system.spawn(cluster::office, std::move(setup));
  *target = x.office;
  const auto bound =
      tls ? caf::openssl::publish(x.office, x.settings.port, host.c_str(), true)
          : x.system.middleman().publish(x.office, x.settings.port, host.c_str(), true);
  if (!bound)
    throw std::runtime_error("cannot listen for the cluster at " + address(x.settings.port) + ": "
                             + x.system.render(bound.error()));
  end_silent_links(*bound, detection);
  log().info("cluster '{}': node '{}' listens at {}{}", x.settings.name,
             x.settings.node.empty() ? host_name() : x.settings.node, address(*bound),
             tls ? ", TLS" : "");
}

std::vector<std::string> node::carry_over(const std::vector<messages::config_file>& files) {
  auto& round = *impl_->round;
  std::future<std::vector<std::string>> answer;
  {
    const std::lock_guard guard{round.mutex};
    round.files = files;
    round.done = {};
    answer = round.done.get_future();
  }
  caf::anon_send(impl_->office, carry_atom::value);
  // The office answers by itself, late nodes or not; this is for one that has ended.
  if (answer.wait_for(std::chrono::seconds{10}) != std::future_status::ready)
    return {"the cluster has ended"};
  return answer.get();
}

void node::apply(const policy::topology_ptr& topology) {
  impl_->map->set_topology(topology);
  impl_->map->set_config(fingerprint(*topology));
  caf::anon_send(impl_->office, reload_atom::value);
}

void node::leave(policy::duration patience) {
  const auto limit = std::chrono::steady_clock::now() + patience;
  caf::anon_send(impl_->office, leave_atom::value);
  while (std::chrono::steady_clock::now() < limit) {
    {
      const std::lock_guard guard{impl_->report->mutex};
      // Alone, or without a quorum, there is nobody to hand anything to.
      if (impl_->report->handed_over || impl_->report->stays) return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
}

void node::stop() {
  auto& x = *impl_;
  if (x.tree == nullptr) return;
  x.tree->inside().where->set_elsewhere(nullptr);
  x.ways.reset();
  if (x.office) {
    // It uses the tree: nothing goes on before it has ended.
    caf::scoped_actor self{x.system};
    self->send_exit(x.office, caf::exit_reason::user_shutdown);
    self->wait_for(x.office);
    self->send_exit(x.desk, caf::exit_reason::user_shutdown);
  }
  x.office = nullptr;
  x.desk = nullptr;
  x.tree = nullptr;
}

node_status node::status() const {
  const std::lock_guard guard{impl_->report->mutex};
  const auto& r = *impl_->report;
  const bool etcd = impl_->settings.membership == config::membership_kind::by_etcd;
  const bool scales = impl_->settings.partition == config::partition_kind::scale;
  return {r.self,
          r.view,
          r.heard,
          r.differing,
          r.acts,
          etcd ? "etcd" : "static",
          scales ? "scale" : "strict",
          r.part.members,
          r.part.of};
}

policy::duration node::failover_patience() const {
  using namespace std::chrono_literals;
  const auto& x = impl_->settings;
  if (x.membership == config::membership_kind::by_seeds) return 8s;
  return std::chrono::seconds{x.etcd.lease_ttl} + 5s;
}

std::string node::owner(policy::path_id actor) const {
  return impl_->map->owner(actor);
}

} // namespace echelon::cluster
