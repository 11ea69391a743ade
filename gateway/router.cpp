#include "gateway/router.hpp"

#include "config/topology.hpp"

namespace echelon::gateway {

router::router(config::router_config_ptr config, loader load) : load_(std::move(load)) {
  auto topology = config::make_topology(*config);
  if (config->cluster) {
    node_ = std::make_unique<cluster::node>(*config->cluster);
    hierarchy_ = std::make_unique<actors::hierarchy>(node_->system(), topology, true);
    try {
      node_->start(*hierarchy_, topology);
    } catch (...) {
      node_->stop(); // Before the hierarchy, which it uses.
      throw;
    }
  } else {
    hierarchy_ = std::make_unique<actors::hierarchy>(topology);
  }
  current_ = std::make_shared<const snapshot>(snapshot{std::move(config), std::move(topology), 1});
}

router::~router() {
  if (node_) node_->stop();
}

std::shared_ptr<const snapshot> router::current() const {
  const std::lock_guard guard{mutex_};
  return current_;
}

reload_result router::reload() {
  const std::lock_guard serial{reload_mutex_};
  reload_result result;
  const auto before = current();
  result.version = before->version;
  auto config = load_ ? load_(result.messages) : nullptr;
  if (!config) return result;
  auto topology = config::make_topology(*config);
  // Actors first: a request that sees the new plans must find their actors.
  hierarchy_->apply(topology);
  if (node_) node_->apply(topology);
  result.ok = true;
  result.changes = config::compare(*before->config, *before->topology, *config, *topology);
  result.version = before->version + 1;
  const std::lock_guard guard{mutex_};
  current_ = std::make_shared<const snapshot>(
      snapshot{std::move(config), std::move(topology), result.version});
  return result;
}

} // namespace echelon::gateway
