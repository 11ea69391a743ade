#include "config/cluster_overrides.hpp"

#include "config/url.hpp"

namespace echelon::config {

std::string first_bad_address(const cluster_overrides& x) {
  auto all = x.seeds;
  if (!x.listen.empty()) all.push_back(x.listen);
  for (const auto& address : all) {
    std::string host;
    std::uint16_t port = 0;
    if (!split_address(address, host, port)) return address;
  }
  return {};
}

void apply(const cluster_overrides& x, RouterConfig& to) {
  if (x.node.empty() && x.listen.empty() && x.seeds.empty()) return;
  if (!to.cluster) to.cluster.emplace();
  if (!x.node.empty()) to.cluster->node = x.node;
  if (!x.seeds.empty()) to.cluster->seeds = x.seeds;
  if (!x.listen.empty())
    static_cast<void>(split_address(x.listen, to.cluster->host, to.cluster->port));
}

} // namespace echelon::config
