/// The router behind the HTTP front: configuration in force, hierarchy, records, counters.
#pragma once

#include "accounts/ledger.hpp"
#include "actors/hierarchy.hpp"
#include "cluster/node.hpp"
#include "config/changes.hpp"
#include "config/load.hpp"
#include "config/router_config.hpp"
#include "engine/budgets.hpp"
#include "engine/event_hub.hpp"
#include "engine/metrics.hpp"
#include "engine/records.hpp"
#include "engine/telemetry/line_log.hpp"
#include "engine/telemetry/span_exporter.hpp"
#include "policy/topology.hpp"
#include "providers/key_ring.hpp"

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace caf {
class actor_system;
}

namespace echelon::engine {

/// What one request sees of the configuration, from its start to its end.
struct snapshot {
  config::router_config_ptr config;
  policy::topology_ptr topology;
  std::uint64_t version = 1;
};

/// What a reload did.
struct reload_result {
  bool ok = false;
  std::vector<std::string> messages; ///< Diagnostics, one a line.
  std::uint64_t version = 0;
  config::config_changes changes;
};

/// Where the actors live.
struct actor_home {
  caf::actor_system* host = nullptr; ///< Outlives the router; null: one of its own.
  unsigned threads = 0;              ///< Workers of its own one; 0: one per core.
};

class router {
public:
  using files = std::vector<config::source_file>;
  struct loader {
    /// Reads the files again; false with a message if that is not possible.
    std::function<bool(files&, std::vector<std::string>& messages)> read;
    /// Null with diagnostics if they are not valid.
    std::function<config::router_config_ptr(const files&, std::vector<std::string>& messages)>
        parse;
  };

  /// Throws std::runtime_error if the cluster's address cannot be bound or the store not be
  /// reached.
  router(config::router_config_ptr config, loader load, actor_home where = {});
  ~router();
  router(const router&) = delete;
  router& operator=(const router&) = delete;

  [[nodiscard]] std::shared_ptr<const snapshot> current() const;
  /// Atomic: a bad configuration changes nothing. In a cluster every node takes it, or none does;
  /// blocks for some seconds at most.
  reload_result reload();
  /// The same on a thread of its own; `then` is called there.
  void reload_apart(std::function<void(reload_result)> then);

  [[nodiscard]] actors::hierarchy& hierarchy() { return *hierarchy_; }
  /// How long a request waits for an actor that lives nowhere, because its node was lost.
  [[nodiscard]] policy::duration patience() const;
  /// Null: no cluster.
  [[nodiscard]] cluster::node* node() { return node_.get(); }
  [[nodiscard]] record_ring& records() { return records_; }
  [[nodiscard]] metrics& counters() { return metrics_; }
  [[nodiscard]] event_hub& events() { return events_; }
  [[nodiscard]] span_exporter& traces() { return traces_; }
  [[nodiscard]] line_log& access_log() { return access_log_; }
  [[nodiscard]] line_log& audit_log() { return audit_log_; }
  [[nodiscard]] budgets& retries() { return budgets_; }
  [[nodiscard]] providers::key_book& keys() { return keys_; }
  /// Keys and usage of `auth.store`; null without one.
  [[nodiscard]] accounts::ledger* ledger() { return ledger_.get(); }

  /// New requests are refused from now on. Told to listeners once.
  void begin_drain();

  bool chaos = false; ///< Actors may be disturbed from outside. Set before serving.
  std::atomic<bool> draining{false};
  /// Supervision has given up: nobody is admitted; the process should end and be started again.
  std::atomic<bool> failed{false};
  std::atomic<std::uint64_t> served{0};   ///< Requests so far.
  std::atomic<std::int64_t> in_flight{0}; ///< Requests between their head and their last byte.

private:
  reload_result reload_files();
  void observe(const config::RouterConfig& by);
  void announce(const reload_result& x);
  reload_result take(config::router_config_ptr config, reload_result so_far);
  void install(config::router_config_ptr of_files, reload_result& result);
  void take_keys(const std::vector<accounts::key_record>& keys);
  cluster::reload_hooks hooks();

  loader load_;
  std::thread reloading_;
  mutable std::mutex mutex_;
  std::mutex reload_mutex_;
  std::unique_ptr<accounts::ledger> ledger_;
  config::router_config_ptr files_;               // Without the keys of the store.
  std::vector<accounts::key_record> stored_keys_; // Under reload_mutex_, as files_.
  std::shared_ptr<const snapshot> current_;
  event_hub events_;                    // The cluster's threads tell it of reloads.
  std::unique_ptr<cluster::node> node_; // Its actor system outlives the hierarchy.
  std::unique_ptr<actors::hierarchy> hierarchy_;
  record_ring records_{10000};
  metrics metrics_;
  // These tell the metrics what became of spans and lines.
  span_exporter traces_;
  line_log access_log_, audit_log_;
  budgets budgets_;
  providers::key_book keys_;
};

/// Counts a request from its start to its last byte.
struct in_flight_guard {
  explicit in_flight_guard(router& x) : of(x) {
    ++of.served;
    ++of.in_flight;
  }
  ~in_flight_guard() { --of.in_flight; }
  in_flight_guard(const in_flight_guard&) = delete;
  in_flight_guard& operator=(const in_flight_guard&) = delete;
  router& of;
};

/// Reads the files of `path`; each configuration is a copy that `change` has seen.
[[nodiscard]] router::loader make_loader(const std::filesystem::path& path,
                                         const config::load_options& how,
                                         std::function<void(config::RouterConfig&)> change);

} // namespace echelon::engine
