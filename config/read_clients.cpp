// auth.clients: keys known by their hash, and what each of them may do.
#include "config/sections.hpp"
#include "config/times.hpp"

#include <algorithm>
#include <cmath>

namespace echelon::config {
namespace {

bool is_hash(const std::string& x) {
  return x.size() == 64 && std::all_of(x.begin(), x.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::int64_t millionths(std::optional<double> money) {
  return std::llround(money.value_or(0) * 1e6);
}

void read_client(loading& x, const yaml_node& name, const yaml_ptr& node) {
  map_reader in{node, "auth.clients." + name.text, client_schema(), x.out};
  if (node->is != yaml_node::kind::map) return;
  client_config to;
  const auto hash = in.expanded("sha256", x.env, x.simulate);
  if (in.find("sha256") == nullptr)
    x.out.error(name.at, "missing-key", in.path() + " needs sha256, the hash of its key");
  else if (hash && !is_hash(*hash) && !(x.simulate && hash->empty()))
    x.out.error(in.where("sha256"), "bad-hash",
                in.path("sha256")
                    + " must be 64 hex digits in lower case, as `printf %s KEY | sha256sum` "
                      "prints them");
  to.sha256 = hash.value_or("");
  to.targets = in.texts("targets").value_or(std::vector<std::string>{});
  if (in.find("targets") != nullptr && to.targets.empty())
    x.out.error(in.where("targets"), "empty-list",
                in.path("targets") + " must not be empty; leave it out to allow every target");
  to.rpm_limit = in.count("rpm_limit");
  to.tpm_limit = in.count("tpm_limit");
  to.concurrency_limit = in.count("concurrency_limit");
  to.daily_budget = millionths(in.number("daily_budget"));
  to.monthly_budget = millionths(in.number("monthly_budget"));
  if (const auto text = in.text("expires")) {
    to.expires = read_utc(*text);
    if (!to.expires)
      x.out.error(in.where("expires"), "bad-time",
                  in.path("expires") + " must be a time in UTC such as 2027-01-31T00:00:00Z");
  }
  in.finish();
  x.client_at[name.text] = name.at;
  x.config.auth.clients[name.text] = std::move(to);
}

} // namespace

void read_clients(loading& x, const yaml_ptr& node) {
  const map_reader in{node, "auth.clients", clients_schema(), x.out};
  for (const auto& [key, value] : node->entries)
    if (check_name(*key, "a client", x.out)) read_client(x, *key, value);
}

void read_store(loading& x, map_reader& auth) {
  auto& to = x.config.auth;
  to.store = auth.expanded("store", x.env, x.simulate).value_or("");
  x.store_at = auth.where("store");
  to.spool = auth.expanded("spool", x.env, x.simulate).value_or("");
  const auto starts = [&](std::string_view with) { return to.store.rfind(with, 0) == 0; };
  const bool known = starts("postgresql://") || starts("postgres://")
                     || (starts("sqlite:") && to.store.size() > 7);
  if (auth.find("store") != nullptr && !known && !(x.simulate && to.store.empty()))
    x.out.error(auth.where("store"), "bad-url",
                "auth.store must be sqlite:PATH or postgresql://USER:PASSWORD@HOST/DATABASE");
  if (auth.find("spool") != nullptr && to.store.empty())
    x.out.warn(auth.where("spool"), "unused-key", "auth.spool is of no use without auth.store");
}

void link_clients(loading& x) {
  const auto& config = x.config;
  std::vector<std::string> known;
  for (const auto& n : config.nodes)
    known.push_back(n.name);
  for (const auto& p : config.pools)
    known.push_back(p.name);
  for (const auto& g : config.groups) {
    known.push_back(g.name);
    for (const auto& t : g.tiers)
      known.push_back(g.name + '.' + t.name);
  }
  for (const auto& [name, m] : config.models)
    known.push_back(name);
  if (config.cluster && config.auth.store.rfind("sqlite:", 0) == 0)
    x.out.warn(x.store_at, "local-store",
               "auth.store is an SQLite file: that is one store for all nodes only if all of them "
               "run on this machine; use postgresql://");
  for (const auto& [name, client] : config.auth.clients) {
    const auto path = "auth.clients." + name;
    if (config.auth.keys.count(name) != 0)
      x.out.error(x.client_at[name], "name-collision",
                  path + " has the name of a key in auth.keys; give one of them another");
    if ((client.daily_budget > 0 || client.monthly_budget > 0) && config.auth.store.empty())
      x.out.error(x.client_at[name], "needs-store",
                  path
                      + " has a budget, which needs auth.store: what was spent would be forgotten "
                        "with each restart");
    for (const auto& target : client.targets)
      if (std::find(known.begin(), known.end(), target) == known.end())
        x.out.warn(x.client_at[name], "dangling-reference",
                   path + ".targets names '" + target + "', which does not exist"
                       + hint(target, known));
  }
}

} // namespace echelon::config
