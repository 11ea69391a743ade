// cluster.
#include "config/sections.hpp"
#include "config/url.hpp"

namespace echelon::config {
namespace {

void read_tls(loading& x, map_reader& in, cluster_config& to) {
  const auto tls = in.take("tls");
  if (!tls) return;
  map_reader own{tls, "cluster.tls", tls_schema(), x.out};
  for (const auto& [key, file] :
       {std::pair{"cert", &to.cert}, std::pair{"key", &to.key}, std::pair{"ca", &to.ca}}) {
    *file = own.expanded(key, x.env, x.simulate).value_or("");
    if (own.find(key) == nullptr)
      x.out.error(own.at(), "missing-key", std::string{"cluster.tls needs "} + key);
  }
  own.finish();
}

void read_etcd(loading& x, map_reader& in, cluster_config& to) {
  if (const auto etcd = in.take("etcd")) {
    map_reader own{etcd, "cluster.etcd", etcd_schema(), x.out};
    if (own.texts("endpoints")) {
      for (const auto& item : own.find("endpoints")->items)
        if (item->is == yaml_node::kind::scalar && split_endpoint(item->text))
          to.etcd.endpoints.push_back(item->text);
        else
          x.out.error(item->at, "bad-address",
                      "cluster.etcd.endpoints must hold URLs such as http://10.0.0.1:2379");
    }
    if (const auto v = own.integer("lease_ttl")) to.etcd.lease_ttl = *v;
    for (const auto& [key, file] : {std::pair{"cert", &to.etcd.cert},
                                    std::pair{"key", &to.etcd.key}, std::pair{"ca", &to.etcd.ca}})
      *file = own.expanded(key, x.env, x.simulate).value_or("");
    for (const auto& [one, other] : {std::pair{"cert", "key"}, std::pair{"key", "cert"}})
      if (own.find(one) != nullptr && own.find(other) == nullptr)
        x.out.error(own.at(), "missing-key",
                    std::string{"cluster.etcd needs "} + other + " with " + one);
    own.finish();
    if (own.find("endpoints") != nullptr) return;
  }
  if (to.membership == membership_kind::by_etcd)
    x.out.error(in.where("membership"), "missing-key",
                "cluster.membership: etcd needs cluster.etcd.endpoints");
}

} // namespace

void read_cluster(loading& x, const yaml_ptr& node) {
  map_reader in{node, "cluster", cluster_schema(), x.out};
  cluster_config to;
  if (const auto v = in.word("name")) to.name = *v;
  to.node = in.expanded("node", x.env, x.simulate).value_or("");
  if (const auto v = in.expanded("listen", x.env, x.simulate);
      v && !v->empty() && !split_address(*v, to.host, to.port))
    x.out.error(in.where("listen"), "bad-address",
                "cluster.listen must be ADDRESS:PORT, such as 10.0.0.1:4801");
  if (in.texts("seeds"))
    for (const auto& item : in.find("seeds")->items) {
      std::string host;
      std::uint16_t port = 0;
      if (item->is == yaml_node::kind::scalar && split_address(item->text, host, port))
        to.seeds.push_back(item->text);
      else
        x.out.error(item->at, "bad-address", "cluster.seeds must hold ADDRESS:PORT");
    }
  using kind = membership_kind;
  const word_list<kind> kinds{{"static", kind::by_seeds}, {"etcd", kind::by_etcd}};
  to.membership = in.one_of("membership", kinds).value_or(kind::by_seeds);
  using when_split = partition_kind;
  const word_list<when_split> splits{{"strict", when_split::strict}, {"scale", when_split::scale}};
  to.partition = in.one_of("partition", splits).value_or(when_split::strict);
  if (to.partition == when_split::scale && to.membership == kind::by_etcd)
    x.out.error(
        in.where("partition"), "not-with-etcd",
        "cluster.partition: scale needs membership: static: who is cut off from etcd cannot "
        "know its side");
  // A lease from the other side of a split would count twice: shares do without.
  to.leases = in.boolean("leases").value_or(true) && to.partition == when_split::strict;
  read_etcd(x, in, to);
  read_tls(x, in, to);
  in.finish();
  x.config.cluster = std::move(to);
}

} // namespace echelon::config
