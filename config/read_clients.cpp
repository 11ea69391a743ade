// auth.clients: keys known by their hash, and what each of them may do.
#include "config/sections.hpp"
#include "config/times.hpp"

#include <algorithm>

namespace echelon::config {
namespace {

bool is_hash(const std::string& x) {
  return x.size() == 64 && std::all_of(x.begin(), x.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
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
  for (const auto& [name, client] : config.auth.clients) {
    const auto path = "auth.clients." + name;
    if (config.auth.keys.count(name) != 0)
      x.out.error(x.client_at[name], "name-collision",
                  path + " has the name of a key in auth.keys; give one of them another");
    for (const auto& target : client.targets)
      if (std::find(known.begin(), known.end(), target) == known.end())
        x.out.warn(x.client_at[name], "dangling-reference",
                   path + ".targets names '" + target + "', which does not exist"
                       + hint(target, known));
  }
}

} // namespace echelon::config
