/// This process as a member of a cluster. No CAF types beyond the actor system's name.
#pragma once

#include "actors/hierarchy.hpp"
#include "config/router_config.hpp"
#include "messages/reload.hpp"
#include "policy/topology.hpp"

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace caf {
class actor_system;
}

namespace echelon::cluster {

/// What the cluster looks like from here.
struct node_status {
  messages::member self;
  messages::view view;
  std::set<std::string> heard;         ///< Nodes heard within the detection time.
  std::set<std::string> differing;     ///< Nodes whose configuration means something else.
  bool acts = false;                   ///< It is a member and has its quorum, or its lease.
  std::string membership;              ///< `static` or `etcd`.
  std::string partition;               ///< `strict` or `scale`.
  std::size_t share = 1, share_of = 1; ///< What part of each limit may be used from here.
};

/// What a node does with a configuration that comes from another one. Called on the cluster's own
/// threads.
struct reload_hooks {
  using files = std::vector<messages::config_file>;
  /// @returns What is wrong with it; empty: it could be taken.
  std::function<std::vector<std::string>(const files&)> check;
  std::function<void(const files&)> take;
};

class node {
public:
  /// Makes an actor system of its own with `threads` workers (0: one per core), or takes `host`,
  /// which has CAF's middleman (with TLS, its OpenSSL manager too) and outlives this. Throws
  /// std::runtime_error if TLS files cannot be read, or if the host lacks a module.
  explicit node(const config::cluster_config& settings, caf::actor_system* host = nullptr,
                unsigned threads = 0);
  ~node();
  node(const node&) = delete;
  node& operator=(const node&) = delete;

  [[nodiscard]] caf::actor_system& system();
  /// Binds the address of the cluster and begins to look for the others; `tree` lives in system()
  /// and outlives stop(). Throws std::runtime_error if the address cannot be bound.
  void start(actors::hierarchy& tree, const policy::topology_ptr& topology, reload_hooks hooks);
  /// Has all other members check a configuration and, if every one could take it, take it.
  /// @returns What is wrong, each with the node's name; empty: all have been told to take it.
  /// Blocks for some seconds at most.
  [[nodiscard]] std::vector<std::string>
  carry_over(const std::vector<messages::config_file>& files);
  void apply(const policy::topology_ptr& topology);
  /// Hands everything over and leaves, within `patience`.
  void leave(policy::duration patience);
  /// Ends what start() began. Nothing is called after it.
  void stop();
  [[nodiscard]] node_status status() const;
  /// How long whoever needs an actor of a lost node should wait for it to live elsewhere: some
  /// seconds more than that takes.
  [[nodiscard]] policy::duration failover_patience() const;
  /// Which node owns an actor; empty: nobody now.
  [[nodiscard]] std::string owner(policy::path_id actor) const;

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace echelon::cluster
