#include "engine/stored_keys.hpp"

#include "config/log.hpp"
#include "config/times.hpp"

namespace echelon::engine {
namespace {

std::filesystem::path spool_of(const config::RouterConfig& of) {
  const auto& auth = of.auth;
  if (!auth.spool.empty()) return auth.spool;
  constexpr std::string_view file = "sqlite:";
  auto path = auth.store.rfind(file, 0) == 0 ? auth.store.substr(file.size()) + ".spool"
                                             : std::string{"echelon-spool"};
  if (of.cluster) path += '-' + of.cluster->node;
  return path;
}

std::optional<std::uint32_t> limit(std::uint32_t x) {
  return x == 0 ? std::nullopt : std::optional{x};
}

config::client_config client_of(const accounts::key_record& x) {
  config::client_config to;
  to.sha256 = x.sha256;
  to.targets = x.targets;
  to.rpm_limit = limit(x.rpm_limit);
  to.tpm_limit = limit(x.tpm_limit);
  to.concurrency_limit = limit(x.concurrency_limit);
  to.daily_budget = x.daily_budget;
  to.monthly_budget = x.monthly_budget;
  // A time that cannot be read has passed: a key must not live longer than was meant.
  if (!x.expires.empty())
    to.expires = config::read_utc(x.expires).value_or(std::chrono::sys_seconds{});
  return to;
}

} // namespace

std::unique_ptr<accounts::ledger> open_ledger(const config::RouterConfig& of) {
  if (of.auth.store.empty()) return nullptr;
  return std::make_unique<accounts::ledger>(of.auth.store, spool_of(of));
}

config::router_config_ptr with_keys(config::router_config_ptr base,
                                    const std::vector<accounts::key_record>& keys) {
  if (keys.empty()) return base;
  auto merged = std::make_shared<config::RouterConfig>(*base);
  for (const auto& x : keys) {
    if (!x.revoked.empty()) continue;
    const bool known = base->auth.keys.count(x.name) != 0 || base->auth.clients.count(x.name) != 0;
    if (known)
      log().warn("the configuration has a key '{}' of its own; the one of the store is not used",
                 x.name);
    else
      merged->auth.clients.emplace(x.name, client_of(x));
  }
  return merged;
}

} // namespace echelon::engine
