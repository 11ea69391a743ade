#include "config/changes.hpp"

#include "config/times.hpp"

#include <algorithm>
#include <map>

namespace echelon::config {
namespace {

using facts = std::map<std::string, std::string>;

std::string window(const policy::sliding_window_settings& x) {
  return std::to_string(x.max_units) + " in " + in_seconds(x.window);
}

std::string breaker(const policy::breaker_settings& x) {
  return std::to_string(x.failure_threshold) + " failures, " + in_seconds(x.recovery_time) + ", "
         + std::to_string(x.half_open_requests) + " probes";
}

template <class Names>
std::string joined(const Names& names) {
  std::string text;
  for (const auto& x : names)
    text += (text.empty() ? "" : ", ") + std::string{x};
  return text;
}

facts of_actor(const policy::topology& all, const policy::actor_spec& x) {
  facts f;
  if (x.gate.concurrency)
    f["concurrency"] = std::to_string(x.gate.concurrency->limit) + " with a queue of "
                       + std::to_string(x.gate.concurrency->queue_size);
  if (x.gate.rate) {
    if (const auto* w = std::get_if<policy::sliding_window_settings>(&*x.gate.rate))
      f["rate"] = window(*w);
    else if (const auto* b = std::get_if<policy::token_bucket_settings>(&*x.gate.rate))
      f["rate"] = "bucket of " + std::to_string(b->bucket_size) + ", "
                  + plain(static_cast<double>(b->refill_micro_per_second) / 1e6) + " a second";
  }
  if (x.gate.tokens) f["tokens"] = window(*x.gate.tokens);
  if (x.gate.money)
    f["budget"] = plain(static_cast<double>(x.gate.money->per_day) / 1e6) + " a day, "
                  + plain(static_cast<double>(x.gate.money->per_month) / 1e6) + " a month";
  f["breaker"] = breaker(x.gate.breaker);
  if (x.at == policy::level::pool) {
    f["ejection"] = breaker(x.ejection);
    f["health_check_interval"] = in_seconds(x.health_check_interval);
  }
  if (!x.members.empty()) {
    std::vector<std::string> members;
    for (std::size_t i = 0; i < x.members.size(); ++i)
      members.push_back(std::string{all.path(x.member_ids.empty() ? x.members[i] : x.member_ids[i])}
                        + " x" + std::to_string(x.weights[i]));
    f["members"] = joined(members);
    f["rotation"] = std::string{to_string(x.rotation)};
    f["slow_start"] = in_seconds(x.slow_start);
  }
  return f;
}

facts of_plan(const policy::plan& x) {
  facts f;
  f["deadline"] = in_seconds(x.total_timeout);
  f["moves"] = std::to_string(x.fallback ? x.max_moves : 0);
  f["retry_delay"] = in_seconds(x.retry_delay);
  std::vector<std::string> stages;
  for (const auto& s : x.stages)
    stages.push_back(s.label + " (" + std::string{to_string(s.strategy)} + ", "
                     + in_seconds(s.timeout) + ", " + std::to_string(s.max_retries) + " retries"
                     + (s.hedge_after ? ", hedged after " + in_seconds(*s.hedge_after) : "")
                     + (s.reserve ? ", by cause" : "") + ')');
  f["stages"] = joined(stages);
  return f;
}

void note(std::vector<std::string>& to, const std::string& name, const facts& before,
          const facts& after) {
  auto keys = before;
  keys.insert(after.begin(), after.end());
  for (const auto& [key, ignored] : keys) {
    const auto a = before.find(key), b = after.find(key);
    const auto was = a == before.end() ? "none" : a->second;
    const auto is = b == after.end() ? "none" : b->second;
    if (was != is) to.push_back(name + ": " + key + ' ' + was + " -> " + is);
  }
}

facts of_provider(const provider_config& x) {
  return {{"base_url", x.base_url},
          {"keys", std::to_string(x.api_keys.size())},
          {"headers", std::to_string(x.headers.size())},
          {"ca_file", x.ca_file},
          {"proxy", x.proxy},
          {"connect_timeout", in_seconds(x.connect_timeout)}};
}

facts of_model(const model_config& x) {
  return {{"provider", x.provider},
          {"model", x.model},
          {"context_window", x.context_window ? std::to_string(*x.context_window) : "none"},
          {"max_output_tokens", std::to_string(x.max_output_tokens)}};
}

} // namespace

config_changes compare(const RouterConfig& before, const policy::topology& from,
                       const RouterConfig& after, const policy::topology& to) {
  config_changes x;
  for (const auto& name : to.target_names)
    if (from.targets.count(name) == 0) x.added.push_back(name);
  for (const auto& name : from.target_names)
    if (to.targets.count(name) == 0) x.removed.push_back(name);
  std::map<std::string, std::pair<const policy::actor_spec*, const policy::actor_spec*>> actors;
  for (const auto& [id, spec] : from.actors)
    actors[spec.path].first = &spec;
  for (const auto& [id, spec] : to.actors)
    actors[spec.path].second = &spec;
  for (const auto& [path, pair] : actors)
    if (pair.first != nullptr && pair.second != nullptr && !(*pair.first == *pair.second))
      note(x.changed, path, of_actor(from, *pair.first), of_actor(to, *pair.second));
  for (const auto& name : to.target_names)
    if (const auto old = from.targets.find(name); old != from.targets.end())
      note(x.changed, "target " + name, of_plan(*old->second), of_plan(*to.targets.at(name)));
  for (const auto& [name, provider] : after.providers) {
    const auto old = before.providers.find(name);
    if (old == before.providers.end()) continue;
    note(x.changed, "provider " + name, of_provider(old->second), of_provider(provider));
    if (old->second.api_keys != provider.api_keys
        && old->second.api_keys.size() == provider.api_keys.size())
      x.changed.push_back("provider " + name + ": other keys");
  }
  for (const auto& [name, model] : after.models)
    if (const auto old = before.models.find(name); old != before.models.end())
      note(x.changed, "model " + name, of_model(old->second), of_model(model));
  if (before.logs != after.logs) x.changed.push_back("logs: other files or other contents");
  if (before.traces != after.traces)
    x.changed.push_back(std::string{"telemetry.traces: "}
                        + (!after.traces.on()   ? "off"
                           : before.traces.on() ? "changed"
                                                : "on"));
  if (before.auth.keys != after.auth.keys) x.changed.push_back("auth.keys: other keys");
  if (before.auth.clients != after.auth.clients)
    x.changed.push_back("auth.clients: other keys or rights");
  if (before.auth.store != after.auth.store || before.auth.spool != after.auth.spool)
    x.need_restart.push_back("auth.store");
  if (before.server.host != after.server.host || before.server.port != after.server.port)
    x.need_restart.push_back("server.listen");
  // Other files are taken at once; from HTTP to HTTPS and back needs another listener.
  if (before.server.tls.on() != after.server.tls.on()) x.need_restart.push_back("server.tls");
  if (before.server.threads != after.server.threads) x.need_restart.push_back("server.threads");
  if (before.cluster != after.cluster) x.need_restart.push_back("cluster");
  return x;
}

} // namespace echelon::config
