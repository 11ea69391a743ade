#include "cluster/etcd_records.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>

namespace echelon::cluster {

using nlohmann::json;

namespace {

/// One segment of a key: a slash in a name is no separator.
std::string segment(const std::string& name) {
  std::string text;
  for (const char c : name)
    if (c == '%' || c == '/')
      text += c == '%' ? "%25" : "%2F";
    else
      text += c;
  return text;
}

/// Everything that begins with `prefix`, which ends in a slash.
etcd_range below(const std::string& prefix) {
  auto end = prefix;
  ++end.back();
  return {prefix, end};
}

json written_member(const messages::member& x) {
  return {{"node", x.node}, {"incarnation", x.incarnation}, {"address", x.address}, {"tag", x.tag}};
}

messages::member read_member(const json& x) {
  messages::member found;
  x.at("node").get_to(found.node);
  x.at("incarnation").get_to(found.incarnation);
  x.at("address").get_to(found.address);
  x.at("tag").get_to(found.tag);
  return found;
}

json written_members(const std::vector<messages::member>& x) {
  auto list = json::array();
  for (const auto& m : x)
    list.push_back(written_member(m));
  return list;
}

std::vector<messages::member> read_members(const json& x) {
  std::vector<messages::member> found;
  for (const auto& m : x)
    found.push_back(read_member(m));
  return found;
}

/// Names of a foreign cluster may hold anything: what is no UTF-8 must not throw.
std::string text_of(const json& x) {
  return x.dump(-1, ' ', false, json::error_handler_t::replace);
}

} // namespace

etcd_keys::etcd_keys(const std::string& cluster) : root_("echelon/" + segment(cluster) + '/') {}

std::string etcd_keys::view(std::uint64_t epoch) const {
  char number[24] = {};
  std::snprintf(number, sizeof number, "%020llu", static_cast<unsigned long long>(epoch));
  return root_ + "views/" + number;
}

std::string etcd_keys::member(const std::string& node) const {
  return root_ + "members/" + segment(node);
}

etcd_range etcd_keys::members() const {
  return below(root_ + "members/");
}

etcd_range etcd_keys::views(std::uint64_t epoch) const {
  return {view(epoch), below(root_ + "views/").to};
}

etcd_range etcd_keys::all() const {
  return below(root_);
}

std::string written(const etcd_record& x) {
  auto all = written_member(x.who);
  all["cluster"] = x.cluster;
  all["version"] = x.version;
  all["protocol"] = x.protocol;
  all["config"] = x.config;
  all["epoch"] = x.epoch;
  all["leaving"] = x.leaving;
  return text_of(all);
}

std::string written(const messages::view& x) {
  const json all{{"origin", x.origin},
                 {"epoch", x.epoch},
                 {"id", x.id},
                 {"members", written_members(x.members)},
                 {"left", written_members(x.left)},
                 {"before", written_members(x.before)}};
  return text_of(all);
}

std::optional<etcd_record> read_record(const std::string& text) try {
  const auto all = json::parse(text);
  etcd_record x;
  x.who = read_member(all);
  all.at("cluster").get_to(x.cluster);
  all.at("version").get_to(x.version);
  all.at("protocol").get_to(x.protocol);
  all.at("config").get_to(x.config);
  all.at("epoch").get_to(x.epoch);
  all.at("leaving").get_to(x.leaving);
  return x;
} catch (const json::exception&) {
  return std::nullopt;
}

std::optional<messages::view> read_view(const std::string& text) try {
  const auto all = json::parse(text);
  messages::view x;
  all.at("origin").get_to(x.origin);
  all.at("epoch").get_to(x.epoch);
  all.at("id").get_to(x.id);
  x.members = read_members(all.at("members"));
  x.left = read_members(all.at("left"));
  x.before = read_members(all.at("before"));
  std::sort(x.members.begin(), x.members.end());
  for (const auto& m : x.members)
    x.voters.push_back(m.node);
  x.size = std::max<std::uint32_t>(1, static_cast<std::uint32_t>(x.members.size()));
  return x;
} catch (const json::exception&) {
  return std::nullopt;
}

} // namespace echelon::cluster
