/// @file
/// Routers, and the clients of them.
#pragma once

#include <echelon/client.hpp>
#include <echelon/config.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace echelon {

/// How a router in this process runs.
struct FactoryOptions {
  unsigned threads = 1;       ///< Threads that talk to upstreams; 0: one per core.
  unsigned actor_threads = 1; ///< Workers of the router's own actor system; 0: one per core.
  std::string
      simulator_script{}; ///< For providers that are simulated: as `simulate --script FILE`.
  /// @name Member of a cluster
  /// Override `cluster` of the configuration, as the options of `echelon serve` do.
  /// @{
  std::string node{};               ///< Unique name of this process; empty: as configured.
  std::string cluster_listen{};     ///< `ADDRESS:PORT`; empty: as configured.
  std::vector<std::string> seeds{}; ///< `ADDRESS:PORT` of others; empty: as configured.
  /// @}
};

/// How a gateway elsewhere is reached.
struct RemoteOptions {
  std::string api_key{};                     ///< Client key of its `auth`; empty: none.
  std::string admin_token{};                 ///< Set: failures carry their decision record.
  std::string ca_file{};                     ///< PEM bundle for https; empty: the system's.
  std::chrono::milliseconds timeout{600000}; ///< Of calls without one of their own; > 0.
};

/// A router in this process, or the way to one elsewhere. Cheap to copy; the last copy that goes
/// stops the router, as shutdown() does. Thread-safe. It does not come along into a forked process:
/// there its calls fail with ErrorKind::shut_down.
class ECHELON_API LlmFactory {
public:
  /// Starts a router with an actor system of its own; with `cluster` in the configuration (or
  /// `options.node`) it is a member of that cluster. Throws LlmError (configuration) if an address
  /// cannot be bound. See echelon/caf.hpp for one in the host's actor system.
  explicit LlmFactory(const ConfigManager& config, FactoryOptions options = {});
  /// A client of `echelon serve` at `url` (`http://host:port`).
  static LlmFactory connect(const std::string& url, RemoteOptions options = {});
  /// @cond special members
  LlmFactory(const LlmFactory&);
  LlmFactory(LlmFactory&&) noexcept;
  LlmFactory& operator=(const LlmFactory&);
  LlmFactory& operator=(LlmFactory&&) noexcept;
  ~LlmFactory();
  /// @endcond

  /// A client of a node, pool, group, tier or model. Throws LlmError (unknown_target) if a router
  /// in this process has none of that name.
  [[nodiscard]] LlmClient create_client_from_group(const std::string& target) const;
  /// A client of a node from code. Throws LlmError (configuration) with every fault of it.
  [[nodiscard]] LlmClient create_client(const NodeConfig& node) const;

  /// Reads the configuration's files again: all or nothing, limits and breakers keep their state;
  /// in a cluster every node takes it, or none does. Throws LlmError (configuration) with every
  /// fault. Not for a remote gateway.
  void reload() const;
  /// Whether calls can be admitted now: false in a cluster without a quorum, and after shutdown().
  [[nodiscard]] bool ready() const;
  /// Every actor with its permits, queue, limiter and breaker: as `GET /admin/state`, as JSON.
  [[nodiscard]] std::string state() const;
  /// The decision record of a finished call, as JSON; empty if there is none (the newest 10,000
  /// are kept).
  [[nodiscard]] std::string decision(const std::string& request_id) const;
  /// Lets calls in flight end for so long, then ends them with ErrorKind::shut_down, hands what it
  /// owns to the other nodes of its cluster, and stops. Returns within about a second more. Calls
  /// that begin meanwhile fail with ErrorKind::shut_down. Throws LlmError (invalid_request) in an
  /// observer, which would wait for itself.
  void shutdown(std::chrono::milliseconds grace = std::chrono::milliseconds{0}) const;

  /// @cond internal
  struct impl;
  explicit LlmFactory(std::shared_ptr<impl> x);
  /// @endcond

private:
  std::shared_ptr<impl> impl_;
};

/// How grave a line of the log is.
enum class LogLevel : std::uint8_t { debug, info, warning, error };

/// Where the log of all routers in this process goes; empty: nowhere, as before the first call.
/// Lines hold no secrets and no prompts. Called on any thread, one at a time.
ECHELON_API void set_log(std::function<void(LogLevel, std::string_view)> to);

/// `0.1.0`
[[nodiscard]] ECHELON_API std::string_view version();

} // namespace echelon
