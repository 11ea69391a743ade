/// The whole configuration, typed and immutable once loaded.
#pragma once

#include "config/host_parts.hpp"
#include "config/observability.hpp"
#include "policy/settings.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace echelon::config {

using policy::duration;

/// How long a member that comes back gets less than its share.
constexpr duration default_slow_start = std::chrono::seconds{10};

enum class provider_kind : std::uint8_t { openai, anthropic, gemini, simulator, custom };

/// `providers.<name>`.
struct provider_config {
  std::string name;
  provider_kind kind = provider_kind::openai;
  std::string kind_name;                             ///< As written.
  std::shared_ptr<const providers::adapter> adapter; ///< Of kind `custom`, else null.
  std::string base_url;              ///< Scheme, host, optional port and path; no trailing slash.
  std::vector<std::string> api_keys; ///< Secret; may be empty. Never printed.
  std::map<std::string, std::string> headers; ///< Extra request headers.
  std::string ca_file;                        ///< PEM bundle; empty: the system's.
  /// Forward proxy, `http://host:port`; `none`: no proxy; empty: HTTPS_PROXY, HTTP_PROXY and
  /// NO_PROXY of the environment decide.
  std::string proxy;
  bool forward_authorization = false; ///< The client's own key goes to this provider.
  duration connect_timeout = std::chrono::seconds{5};
  bool simulate = false; ///< Served by the built-in simulator in place of `base_url`.
};

/// `models.<name>`, or inferred from the name's prefix.
struct model_config {
  std::string name;
  std::string provider; ///< Key of RouterConfig::providers.
  std::string model;    ///< The provider's own model id.
  std::optional<std::uint32_t> rpm_limit;
  std::optional<std::uint32_t> tpm_limit;
  std::optional<std::uint32_t> concurrency_limit;
  std::uint32_t weight = 1;
  std::optional<std::uint32_t> context_window; ///< LLM tokens.
  std::uint32_t max_output_tokens = 4096;      ///< Sent where the provider demands a ceiling.
  double input_per_mtok = 0;
  double output_per_mtok = 0;
  std::string thinking; ///< How the model thinks: "", "budget", "adaptive", "effort", "level".
};

struct thinking_config {
  bool enabled = false;
  std::optional<std::uint32_t> budget_tokens;
  bool operator==(const thinking_config&) const = default;
};

/// Parameters that fill what the client left unset.
struct tier_parameters {
  std::optional<double> temperature;
  std::string response_format;  ///< "", "text" or "json".
  std::string function_calling; ///< "", "auto", "required" or "none".
  std::optional<thinking_config> thinking;
  bool operator==(const tier_parameters&) const = default;
};

/// `task_groups.<group>.<tier>`.
struct tier_config {
  std::string name;
  std::vector<std::string> models; ///< At least one.
  std::optional<std::uint32_t> concurrency_limit;
  std::optional<std::uint32_t> rpm_limit;
  std::int64_t priority = 0; ///< Lowest first.
  duration timeout = std::chrono::seconds{60};
  std::uint32_t max_retries = 0;
  /// A second attempt starts on another model when the first has not begun to answer for so long.
  std::optional<duration> hedge_after;
  tier_parameters parameters;
};

/// A group, or one tier of it.
struct group_ref {
  std::string group;
  std::string tier; ///< Empty: the whole group.
  [[nodiscard]] std::string str() const { return tier.empty() ? group : group + '.' + tier; }
  auto operator<=>(const group_ref&) const = default;
};

/// Where a request goes that a model refused for its content or length. Neither: nowhere.
struct cause_fallback {
  bool next = false;             ///< On by the usual order.
  std::vector<group_ref> groups; ///< To these and nowhere else; dangling ones are left out.
};

/// `task_groups.<group>`; tiers sorted by priority, equal priorities in file order.
struct group_config {
  std::string name;
  std::string description;
  std::vector<tier_config> tiers;
  policy::fallback_strategy strategy = policy::fallback_strategy::echelon_down;
  policy::breaker_settings breaker;   ///< Own values, else those of global_fallback.
  cause_fallback on_context_overflow; ///< `next` skips models whose window is no larger.
  cause_fallback on_content_policy;
  duration slow_start = default_slow_start; ///< Of models that come back; 0: none.
};

/// `polling_pools.<pool>`.
struct pool_config {
  std::string name;
  std::string description;
  std::vector<group_ref> members;     ///< Dangling ones are left out.
  std::vector<std::uint32_t> weights; ///< One per member, for `weighted`.
  policy::rotation_strategy rotation = policy::rotation_strategy::round_robin;
  std::string rotation_name;         ///< As written.
  policy::custom_rotation order;     ///< Of rotation `custom`, else null.
  duration health_check_interval{0}; ///< 0: no active checks.
  std::uint32_t failure_threshold = 3;
  duration recovery_time = std::chrono::seconds{60};
  duration slow_start = default_slow_start; ///< Of members that come back; 0: none.
  std::optional<policy::rate_settings> rate;
};

/// `workflow_nodes.<node>`.
struct node_config {
  std::string name;
  group_ref llm_group;
  std::vector<group_ref> fallback_groups; ///< Dangling ones are left out.
  bool own_fallback = false;              ///< fallback_groups is given: [] means none.
  std::string polling_pool;               ///< Empty: none.
  std::string task_type;
  std::optional<duration> timeout;          ///< `task_config.timeout`: total deadline.
  std::optional<std::uint32_t> max_retries; ///< `task_config.max_retries`: overrides the tier's.
  tier_parameters parameters;               ///< Override the tier's where set.
  std::optional<policy::concurrency_settings> concurrency;
};

struct global_fallback_config {
  bool enabled = true;
  std::uint32_t max_attempts = 3; ///< Fallback moves of one request.
  duration retry_delay = std::chrono::seconds{1};
  policy::retry_budget_settings retry_budget;
  policy::breaker_settings breaker;
};

/// `server.tls`: PEM files. No `cert`: the front speaks plain HTTP.
struct front_tls_config {
  std::string cert, key;
  std::string client_ca; ///< Clients need a certificate of this authority; empty: they need none.
  [[nodiscard]] bool on() const { return !cert.empty(); }
  bool operator==(const front_tls_config&) const = default;
};

struct server_config {
  std::string host = "127.0.0.1";
  std::uint16_t port = 8080;
  std::string admin_token; ///< Secret. Empty: admin calls from loopback only.
  duration total_timeout = std::chrono::seconds{600};
  std::uint64_t max_body_bytes = 33554432;
  std::uint64_t max_reply_bytes = 33554432; ///< Of a plain upstream answer.
  duration drain_timeout = std::chrono::seconds{30};
  duration header_timeout = std::chrono::seconds{15}; ///< To read a request head.
  duration body_timeout = std::chrono::seconds{60};   ///< To read a request body.
  duration idle_timeout = std::chrono::seconds{75};   ///< A connection between two requests.
  duration write_timeout = std::chrono::seconds{60};  ///< A client that takes nothing for so long.
  std::uint64_t max_header_bytes = 65536;             ///< Of a request's head.
  std::uint64_t max_connections = 16384;
  std::uint64_t max_connections_per_client = 0; ///< Of one address; 0: as many as there may be.
  std::uint64_t max_requests = 4096;            ///< At once.
  std::uint64_t max_requests_per_client = 0;    ///< Of one key or address; 0: no limit of its own.
  std::uint64_t max_memory_bytes = 1073741824;  ///< Bodies of requests under way, together.
  front_tls_config tls;
  std::uint32_t threads = 0; ///< Reactor threads; 0: one per core.
  bool strict = false;       ///< What a provider cannot express is an error, not dropped.
};

/// `auth.clients.<name>`: a key that is known by its hash, with limits of its own.
struct client_config {
  std::string sha256;               ///< Of the key, 64 hex digits in lower case.
  std::vector<std::string> targets; ///< What it may ask for, groups with their tiers; empty: all.
  std::optional<std::uint32_t> rpm_limit; ///< Requests in any 60 s.
  std::optional<std::uint32_t> tpm_limit; ///< LLM tokens in any 60 s.
  std::optional<std::uint32_t> concurrency_limit;
  std::int64_t daily_budget = 0, monthly_budget = 0; ///< Millionths of a US dollar; 0: none.
  std::optional<std::chrono::sys_seconds> expires;   ///< Refused from then on.
  /// It is an actor, `key/NAME`.
  [[nodiscard]] bool limited() const {
    return rpm_limit || tpm_limit || concurrency_limit || daily_budget > 0 || monthly_budget > 0;
  }
  bool operator==(const client_config&) const = default;
};

/// Client keys. None at all, and no store: no key is asked for.
struct auth_config {
  std::string store; ///< Of keys and usage: `sqlite:PATH` or `postgresql://...`; empty: none.
  std::string spool; ///< Folder where usage waits for the store; empty without a store.
  std::map<std::string, std::string> keys;      ///< `auth.keys`: name to secret; no limits.
  std::map<std::string, client_config> clients; ///< By name; no name is in both.
};

/// `cluster`: this process is one of several that share limits, queues and breakers.
/// Who says who is in: the nodes themselves, by their seeds, or an etcd.
enum class membership_kind : std::uint8_t { by_seeds, by_etcd };

/// What a side of a split cluster does that is not the whole.
enum class partition_kind : std::uint8_t {
  strict, ///< The one with a quorum goes on, the other one stops.
  scale,  ///< Each goes on with its share of every limit.
};

struct etcd_config {
  std::vector<std::string> endpoints; ///< URLs; split_endpoint() takes each of them.
  std::int64_t lease_ttl = 5;         ///< Seconds.
  std::string cert, key, ca;          ///< PEM files for https; each may be empty.
  bool operator==(const etcd_config&) const = default;
};

struct cluster_config {
  std::string name = "echelon"; ///< Nodes of another name are refused.
  std::string node;             ///< Unique name of this process.
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;         ///< Where the other nodes reach this one.
  std::vector<std::string> seeds; ///< `host:port` of other nodes.
  membership_kind membership = membership_kind::by_seeds;
  partition_kind partition = partition_kind::strict; ///< scale: only with by_seeds.
  etcd_config etcd;                                  ///< With endpoints if membership is by_etcd.
  std::string cert, key, ca;                         ///< PEM files for mutual TLS; all or none.
  bool leases = true; ///< Actors lend parts of their budgets to other nodes; not with scale.
  bool operator==(const cluster_config&) const = default;
};

struct RouterConfig {
  std::map<std::string, provider_config> providers;
  std::map<std::string, model_config> models;
  std::vector<group_config> groups; ///< In file order.
  std::vector<pool_config> pools;
  std::vector<node_config> nodes;
  global_fallback_config fallback;
  /// Defaults of `concurrency_control.levels`; absent: that level is not limited.
  std::optional<policy::concurrency_settings> group_level, echelon_level, model_level, node_level;
  /// Queue of a limit whose level `concurrency_control` does not list: 0 if the section is there
  /// and enabled, else 1000.
  std::uint32_t default_queue = 1000;
  std::optional<policy::rate_settings> rate; ///< Of the whole router.
  server_config server;
  auth_config auth;
  traces_config traces;
  logs_config logs;
  std::optional<cluster_config> cluster;                ///< Absent: one node by itself.
  std::shared_ptr<const failure_classifier> classifier; ///< Of a host program; null: none.

  [[nodiscard]] const group_config* group(std::string_view name) const;
  [[nodiscard]] const tier_config* tier(const group_ref& ref) const;
  [[nodiscard]] const pool_config* pool(std::string_view name) const;
  [[nodiscard]] const node_config* node(std::string_view name) const;
  [[nodiscard]] const model_config* model(std::string_view name) const;

  /// Gates of each level, with the defaults of `concurrency_control` applied.
  [[nodiscard]] policy::gate_settings key_gate(const client_config& x) const;
  [[nodiscard]] policy::gate_settings router_gate() const;
  [[nodiscard]] policy::gate_settings node_gate(const node_config& x) const;
  [[nodiscard]] policy::gate_settings pool_gate(const pool_config& x) const;
  [[nodiscard]] policy::gate_settings group_gate(const group_config& x) const;
  [[nodiscard]] policy::gate_settings tier_gate(const group_config& g, const tier_config& x) const;
  [[nodiscard]] policy::gate_settings model_gate(const model_config& x) const;
};

using router_config_ptr = std::shared_ptr<const RouterConfig>;

} // namespace echelon::config
