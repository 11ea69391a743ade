#include "engine/router.hpp"

#include "config/topology.hpp"
#include "engine/stored_keys.hpp"
#include "engine/telemetry/audit.hpp"

#include <nlohmann/json.hpp>

#include <unistd.h>

namespace echelon::engine {

namespace {

/// Tells this process from others of the same service.
std::string instance_name(const config::RouterConfig& x) {
  if (x.cluster && !x.cluster->node.empty()) return x.cluster->node;
  char host[256] = {};
  if (::gethostname(host, sizeof host - 1) != 0) return "echelon";
  return std::string{host} + ':' + std::to_string(::getpid());
}

} // namespace

router::router(config::router_config_ptr config, loader load, actor_home where)
    : load_(std::move(load)), ledger_(open_ledger(*config)), files_(config),
      traces_(instance_name(*config), [this](auto result, auto n) { metrics_.spans(result, n); }),
      access_log_("logs.access",
                  [this](auto result, auto n) { metrics_.lines("access", result, n); }),
      audit_log_("logs.audit",
                 [this](auto result, auto n) { metrics_.lines("audit", result, n); }) {
  if (ledger_) {
    stored_keys_ = ledger_->first_keys();
    config = with_keys(std::move(config), stored_keys_);
  }
  auto topology = config::make_topology(*config);
  if (config->cluster) {
    node_ = std::make_unique<cluster::node>(*config->cluster, where.host, where.threads);
    hierarchy_ = std::make_unique<actors::hierarchy>(node_->system(), topology, true);
    try {
      node_->start(*hierarchy_, topology, hooks());
    } catch (...) {
      node_->stop(); // Before the hierarchy, which it uses.
      throw;
    }
  } else if (where.host != nullptr) {
    hierarchy_ = std::make_unique<actors::hierarchy>(*where.host, topology);
  } else {
    hierarchy_ = std::make_unique<actors::hierarchy>(topology, where.threads);
  }
  observe(*config);
  hierarchy_->on_failure([this] { failed = true; });
  current_ = std::make_shared<const snapshot>(snapshot{std::move(config), std::move(topology), 1});
  if (ledger_) ledger_->watch([this](const auto& keys) { take_keys(keys); });
}

policy::duration router::patience() const {
  return node_ ? node_->failover_patience() : policy::duration::zero();
}

void router::observe(const config::RouterConfig& by) {
  traces_.configure(by.traces);
  access_log_.configure(by.logs.access);
  audit_log_.configure(by.logs.audit);
}

router::~router() {
  if (ledger_) ledger_->unwatch();
  hierarchy_->on_failure(nullptr);
  if (reloading_.joinable()) reloading_.join();
  if (node_) node_->stop();
}

/// What this node does with a configuration that another one carries over.
cluster::reload_hooks router::hooks() {
  const auto files_of = [](const cluster::reload_hooks::files& from) {
    files to;
    for (const auto& x : from)
      to.push_back({x.name, x.text});
    return to;
  };
  cluster::reload_hooks x;
  x.check = [this, files_of](const auto& from) {
    std::vector<std::string> messages;
    if (load_.parse && load_.parse(files_of(from), messages))
      messages.clear();
    else if (messages.empty())
      messages.push_back("it cannot reload");
    return messages;
  };
  x.take = [this, files_of](const auto& from) {
    const std::lock_guard serial{reload_mutex_};
    reload_result result;
    result.version = current()->version;
    if (auto config = load_.parse(files_of(from), result.messages)) {
      const auto done = take(std::move(config), std::move(result));
      audit(audit_log_, {.action = "reload",
                         .by = "another node",
                         .done = done.ok,
                         .detail = "configuration version " + std::to_string(done.version)});
    }
  };
  return x;
}

std::shared_ptr<const snapshot> router::current() const {
  const std::lock_guard guard{mutex_};
  return current_;
}

reload_result router::reload() {
  auto result = reload_files();
  if (!result.ok) announce(result); // take() has told of the others.
  return result;
}

void router::announce(const reload_result& x) {
  if (!events_.heard()) return;
  const auto& c = x.changes;
  events_.publish("reload", {{"reloaded", x.ok},
                             {"config_version", x.version},
                             {"diagnostics", x.messages},
                             {"added", c.added},
                             {"removed", c.removed},
                             {"changed", c.changed},
                             {"need_restart", c.need_restart}});
}

void router::begin_drain() {
  if (!draining.exchange(true)) events_.publish("drain", {{"in_flight", in_flight.load()}});
}

reload_result router::reload_files() {
  // Not held while others are asked: one of them may carry a configuration over at the same time.
  std::unique_lock serial{reload_mutex_};
  reload_result result;
  result.version = current()->version;
  files found;
  if (!load_.read || !load_.read(found, result.messages)) return result;
  auto config = load_.parse(found, result.messages);
  if (!config) return result;
  if (node_) {
    serial.unlock();
    cluster::reload_hooks::files all;
    for (const auto& x : found)
      all.push_back({x.name, x.text});
    const auto faults = node_->carry_over(all);
    result.messages.insert(result.messages.end(), faults.begin(), faults.end());
    if (!faults.empty()) return result;
    serial.lock();
  }
  return take(std::move(config), std::move(result));
}

reload_result router::take(config::router_config_ptr config, reload_result result) {
  install(std::move(config), result);
  announce(result);
  return result;
}

/// Keys of the store change nothing for the requests of others: what was counted stays.
void router::take_keys(const std::vector<accounts::key_record>& keys) {
  const std::lock_guard serial{reload_mutex_};
  stored_keys_ = keys;
  reload_result result;
  install(files_, result);
}

void router::install(config::router_config_ptr of_files, reload_result& result) {
  const auto before = current();
  files_ = of_files;
  auto config = with_keys(std::move(of_files), stored_keys_);
  auto topology = config::make_topology(*config);
  // Actors first: a request that sees the new plans must find their actors.
  hierarchy_->apply(topology);
  if (node_) node_->apply(topology);
  observe(*config);
  result.ok = true;
  result.changes = config::compare(*before->config, *before->topology, *config, *topology);
  result.version = before->version + 1;
  {
    const std::lock_guard guard{mutex_};
    current_ = std::make_shared<const snapshot>(
        snapshot{std::move(config), std::move(topology), result.version});
  }
}

void router::reload_apart(std::function<void(reload_result)> then) {
  static std::mutex one_at_a_time;
  const std::lock_guard guard{one_at_a_time};
  if (reloading_.joinable()) reloading_.join();
  reloading_ = std::thread{[this, then = std::move(then)] { then(reload()); }};
}

router::loader make_loader(const std::filesystem::path& path, const config::load_options& how,
                           std::function<void(config::RouterConfig&)> change) {
  router::loader load;
  load.read = [path](router::files& to, std::vector<std::string>& messages) {
    const auto faults = config::read_sources(path, to);
    for (const auto& x : faults)
      messages.push_back(config::to_string(x));
    return faults.empty();
  };
  load.parse = [how, change = std::move(change)](
                   const router::files& from,
                   std::vector<std::string>& messages) -> config::router_config_ptr {
    const auto result = config::load_sources(from, how);
    for (const auto& x : result.diagnostics)
      messages.push_back(config::to_string(x));
    if (!result.config) return nullptr;
    auto changed = std::make_shared<config::RouterConfig>(*result.config);
    change(*changed);
    return changed;
  };
  return load;
}

} // namespace echelon::engine
