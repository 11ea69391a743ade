/// An etcd in virtual time: keys, leases and transactions, as its documentation promises them.
#pragma once

#include "cluster/etcd_store.hpp"
#include "policy/settings.hpp"

#include <chrono>
#include <map>
#include <string>

namespace echelon::test {

using namespace std::chrono_literals;

class fake_etcd {
public:
  bool up = true;
  std::int64_t revision = 1;

  /// Ends leases that are over.
  void tick(policy::time_point now) {
    if (!up) return;
    for (auto i = leases_.begin(); i != leases_.end();)
      i = now >= i->second.ends ? end(i) : std::next(i);
  }
  /// Comes up again, or has a new leader: every lease starts from its full time (lessor.Promote).
  void lead(policy::time_point now) {
    up = true;
    for (auto& [id, x] : leases_)
      x.ends = now + std::chrono::seconds{x.ttl};
    deposed_until_ = now + 1s;
  }
  /// Everything is lost.
  void wipe() {
    leases_.clear();
    keys_.clear();
    ++revision;
  }

  /// `old_leader`: it goes to one that was deposed and does not know yet.
  cluster::etcd_answer execute(const cluster::etcd_call& x, policy::time_point now,
                               bool old_leader = false) {
    using kind = cluster::etcd_call::kind;
    cluster::etcd_answer a;
    a.number = x.number;
    a.what = x.what;
    a.lease = x.lease;
    a.answered = true;
    const auto i = leases_.find(x.lease);
    switch (x.what) {
    case kind::grant:
      a.lease = ++last_lease_;
      a.ttl = x.ttl;
      leases_[a.lease] = {x.ttl, now + std::chrono::seconds{x.ttl}};
      a.done = true;
      break;
    case kind::keep_alive:
      a.done = i != leases_.end();
      if (a.done && !(old_leader && now < deposed_until_))
        i->second.ends = now + std::chrono::seconds{i->second.ttl};
      break;
    case kind::revoke:
      a.done = i != leases_.end();
      if (a.done) end(i);
      break;
    case kind::commit: commit(x, a);
    }
    return a;
  }

  [[nodiscard]] std::size_t leases() const { return leases_.size(); }

private:
  struct lease {
    std::int64_t ttl = 0;
    policy::time_point ends;
  };
  std::map<std::int64_t, lease>::iterator end(std::map<std::int64_t, lease>::iterator x) {
    ++revision;
    std::erase_if(keys_, [&](const auto& k) { return k.second.lease == x->first; });
    return leases_.erase(x);
  }
  void commit(const cluster::etcd_call& x, cluster::etcd_answer& a) {
    for (const auto& c : x.conditions) {
      const auto i = keys_.find(c.key);
      if ((i == keys_.end() ? 0 : i->second.revision) != c.revision) return;
    }
    for (const auto& p : x.puts)
      if (p.lease != 0 && leases_.count(p.lease) == 0) return;
    a.done = true;
    if (!x.puts.empty() || !x.deletes.empty()) ++revision;
    for (const auto& p : x.puts)
      keys_[p.key] = {p.key, p.value, revision, p.lease};
    for (const auto& key : x.deletes)
      keys_.erase(key);
    for (const auto& r : x.reads)
      for (auto i = keys_.lower_bound(r.from); i != keys_.end() && i->first < r.to; ++i)
        a.found.push_back(i->second);
  }

  std::map<std::string, cluster::etcd_key> keys_;
  std::map<std::int64_t, lease> leases_;
  std::int64_t last_lease_ = 0;
  policy::time_point deposed_until_{};
};

} // namespace echelon::test
