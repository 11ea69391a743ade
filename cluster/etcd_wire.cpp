#include "cluster/etcd_wire.hpp"

#include <nlohmann/json.hpp>

#include <stdexcept>
#include <utility>

namespace echelon::cluster {

using nlohmann::json;
using kind = etcd_call::kind;

namespace {

constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// 64-bit numbers are text, and zeroes are left out.
std::int64_t number(const json& x, const char* key) {
  const auto i = x.find(key);
  if (i == x.end()) return 0;
  return i->is_string() ? std::stoll(i->get<std::string>()) : i->get<std::int64_t>();
}

std::string bytes(const json& x, const char* key) {
  const auto i = x.find(key);
  return i == x.end() ? std::string{} : from_base64(i->get<std::string>());
}

json range_json(const etcd_range& x) {
  return {{"key", base64(x.from)}, {"range_end", base64(x.to)}};
}

json commit_json(const etcd_call& x) {
  auto compare = json::array(), success = json::array();
  for (const auto& c : x.conditions)
    compare.push_back({{"key", base64(c.key)},
                       {"target", "MOD"},
                       {"result", "EQUAL"},
                       {"mod_revision", std::to_string(c.revision)}});
  for (const auto& p : x.puts)
    success.push_back({{"request_put",
                        {{"key", base64(p.key)},
                         {"value", base64(p.value)},
                         {"lease", std::to_string(p.lease)}}}});
  for (const auto& key : x.deletes)
    success.push_back({{"request_delete_range", {{"key", base64(key)}}}});
  for (const auto& r : x.reads)
    success.push_back({{"request_range", range_json(r)}});
  return {{"compare", std::move(compare)}, {"success", std::move(success)}};
}

void read_commit(const json& body, etcd_answer& to) {
  to.done = body.value("succeeded", false);
  const auto responses = body.find("responses");
  if (responses == body.end()) return;
  for (const auto& r : *responses) {
    const auto range = r.find("response_range");
    if (range == r.end()) continue;
    const auto list = range->find("kvs");
    if (list == range->end()) continue;
    for (const auto& kv : *list)
      to.found.push_back(
          {bytes(kv, "key"), bytes(kv, "value"), number(kv, "mod_revision"), number(kv, "lease")});
  }
}

/// Whether the lease is not there. Error codes are gRPC's.
bool not_found(const std::string& body) {
  const auto x = json::parse(body, nullptr, false);
  return x.is_object() && x.value("code", 0) == 5;
}

} // namespace

std::string base64(const std::string& plain) {
  std::string text;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : plain) {
    bits = bits << 8U | static_cast<unsigned char>(c);
    for (count += 8; count >= 6; count -= 6)
      text += digits[bits >> static_cast<unsigned>(count - 6) & 63U];
  }
  if (count > 0) text += digits[bits << static_cast<unsigned>(6 - count) & 63U];
  while (text.size() % 4 != 0)
    text += '=';
  return text;
}

std::string from_base64(const std::string& text) {
  static const std::string alphabet = digits;
  std::string plain;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    if (c == '=') break;
    const auto value = alphabet.find(c);
    if (value == std::string::npos) throw std::runtime_error("not base64");
    bits = bits << 6U | static_cast<std::uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    plain += static_cast<char>(bits >> static_cast<unsigned>(count) & 255U);
  }
  return plain;
}

etcd_request encode(const etcd_call& x) {
  json body;
  const auto lease = std::to_string(x.lease);
  switch (x.what) {
  case kind::grant:
    body = {{"TTL", std::to_string(x.ttl)}};
    return {"/v3/lease/grant", body.dump()};
  case kind::keep_alive: body = {{"ID", lease}}; return {"/v3/lease/keepalive", body.dump()};
  case kind::revoke: body = {{"ID", lease}}; return {"/v3/lease/revoke", body.dump()};
  case kind::commit: return {"/v3/kv/txn", commit_json(x).dump()};
  }
  return {};
}

etcd_request encode_watch(const etcd_range& x) {
  const json body{{"create_request", range_json(x)}};
  return {"/v3/watch", body.dump()};
}

etcd_answer no_answer(const etcd_call& x, std::string why) {
  etcd_answer a;
  a.number = x.number;
  a.what = x.what;
  a.lease = x.lease;
  a.why = std::move(why);
  return a;
}

etcd_answer decode(const etcd_call& x, unsigned status, const std::string& body) try {
  auto a = no_answer(x, {});
  if (status != 200 && not_found(body)) {
    a.answered = true;
    return a;
  }
  if (status != 200)
    return no_answer(x, "etcd says " + std::to_string(status) + ": " + body.substr(0, 200));
  const auto all = json::parse(body);
  switch (x.what) {
  case kind::grant:
    a.lease = number(all, "ID");
    a.ttl = number(all, "TTL");
    a.done = a.lease != 0;
    break;
  case kind::keep_alive: {
    // A stream of which this is the first message; without a TTL the lease is not there.
    if (all.contains("error"))
      return no_answer(x, "etcd says " + all["error"].dump().substr(0, 200));
    const auto& result = all.at("result");
    a.ttl = number(result, "TTL");
    a.done = a.ttl > 0;
    break;
  }
  case kind::revoke: a.done = true; break;
  case kind::commit: read_commit(all, a); break;
  }
  a.answered = true;
  return a;
} catch (const std::exception& e) {
  return no_answer(x, std::string{"cannot read what etcd says: "} + e.what());
}

} // namespace echelon::cluster
