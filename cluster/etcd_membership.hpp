/// Membership kept in etcd: a lease for each node, views by compare-and-swap. Pure: calls to etcd
/// go out, its answers come in.
///
/// Safety. (1) `head` is written only under the condition that it is still the view that its
/// writer builds on, so views form one chain. (2) A process puts its key with its lease. It acts
/// only for act_for() < TTL after it *sent* a keep-alive that etcd answered. etcd ends a lease at
/// its TTL after the last renewal or later, and a view that drops a process is written under the
/// condition that its key is gone, or is another process's. So by then the process has stopped,
/// whether it knows or not. (3) Whoever left in good order holds the lease until it has handed
/// over; no further view comes before that lease is gone, so nobody rebuilds what is on its way.
/// (4) A view that makes somebody rebuild comes only when all who stay have said that they live by
/// the one before: nobody acts by an older one, in which it owned what the lost one was to get.
/// Assumes that clocks run at the same pace, to the tenth part of TTL - act_for().
#pragma once

#include "cluster/etcd_records.hpp"
#include "cluster/membership.hpp"

#include <map>
#include <optional>
#include <set>
#include <utility>

namespace echelon::cluster {

struct etcd_membership_settings {
  std::chrono::seconds ttl{5};
  std::string version; ///< Of this program, for people.
  /// How long a renewed lease lets a node act. The rest of the TTL is for clocks, and for an etcd
  /// leader that was deposed and does not know it yet: it still answers keep-alives for as long as
  /// an election takes (1 s by default).
  [[nodiscard]] duration act_for() const { return duration{ttl} * 3 / 5; }
  [[nodiscard]] duration renew_every() const { return duration{ttl} / 6; }
};

class etcd_membership : public membership {
public:
  etcd_membership(membership_settings settings, etcd_membership_settings own);

  /// What to ask of etcd now. Each call is answered once by receive(), failed ones too.
  [[nodiscard]] std::vector<etcd_call> take_calls() { return std::exchange(calls_, {}); }
  void receive(const etcd_answer& x, time_point now);
  /// Something below all() has changed.
  void changed() { stale_ = true; }
  [[nodiscard]] const etcd_keys& keys() const { return keys_; }

  [[nodiscard]] const char* kind() const override { return "etcd"; }
  [[nodiscard]] bool take_reset() override { return std::exchange(reset_, false); }
  /// Never: what others may have owned, the chain in etcd tells.
  [[nodiscard]] bool take_doubt() override { return false; }
  void tick(time_point now) override { advance(now); }
  void receive(const protocol_message& x, time_point now) override;
  void set_config(std::uint64_t x) override { settings_.config = x; }
  void leave() override { leaving_ = true; }
  [[nodiscard]] bool last_one_leaves() const override { return true; }
  /// Gives the lease back.
  bool let_go() override;
  [[nodiscard]] std::vector<outgoing> take_outgoing() override { return {}; }
  [[nodiscard]] std::vector<std::string> take_notes() override { return std::exchange(notes_, {}); }
  [[nodiscard]] const messages::view& current() const override { return view_; }
  /// Whoever calls it lives by them from then on, and the others are told so.
  [[nodiscard]] std::vector<messages::view> take_views() override {
    lived_by_ = view_.epoch;
    return std::exchange(fresh_, {});
  }
  /// Of most members: then no less than half of them would have to be lost together.
  [[nodiscard]] bool outlives(const std::set<std::string>& nodes) const override {
    return 2 * nodes.size() > view_.members.size();
  }
  [[nodiscard]] time_point lease_until(time_point now) const override;
  /// Whose key was in etcd when it was read last.
  [[nodiscard]] std::vector<messages::member> alive(time_point now) const override;
  [[nodiscard]] std::set<std::string> differing() const override;
  [[nodiscard]] const membership_settings& settings() const override { return settings_; }

private:
  struct lane { ///< Calls that wait for each other.
    std::optional<etcd_call> open;
    time_point sent{}, not_before{};
  };
  struct seen { ///< A member's key as it was read last.
    etcd_record what;
    std::int64_t revision = 0, lease = 0;
  };

  void advance(time_point now);
  void keep_lease(time_point now);
  void read(time_point now);
  void write(time_point now);
  void register_self(time_point now);
  void propose(time_point now);
  void ask(lane& by, etcd_call what, time_point now);
  void take_lease(const etcd_answer& x);
  void take_members(const etcd_answer& x);
  void take_chain(const etcd_answer& x, time_point now);
  void adopt(const messages::view& x);
  void start_anew(time_point now);
  std::optional<messages::view> wanted() const;
  etcd_call commit_of(messages::view next, time_point now) const;
  bool has_key(const messages::member& x) const;
  std::int64_t revision_of(const std::string& node) const;
  etcd_record own_record() const;
  void note(const std::string& key, std::string text);
  void tell_reach(bool reached, const std::string& why);

  membership_settings settings_;
  etcd_membership_settings own_;
  etcd_keys keys_;
  lane lease_lane_, data_lane_;
  std::int64_t lease_ = 0;  ///< 0: none.
  time_point renewed_{};    ///< Before the newest answered renewal was sent.
  bool registered_ = false; ///< Our key is in etcd, with our lease.
  bool leaving_ = false, letting_go_ = false, let_go_ = false;
  bool stale_ = true;
  std::optional<time_point> read_at_;
  std::map<std::string, seen> seen_; ///< By node.
  messages::view view_;
  std::uint64_t lived_by_ = 0; ///< Epoch.
  std::int64_t head_ = 0;      ///< Revision of the newest view in etcd, ours if up_to_date_.
  bool up_to_date_ = false;
  std::optional<time_point> wanted_since_;
  time_point join_after_{};
  bool reset_ = false;
  std::optional<bool> reached_;
  std::uint64_t count_ = 0;
  std::vector<etcd_call> calls_;
  std::vector<messages::view> fresh_;
  std::vector<std::string> notes_;
  std::set<std::string> noted_;
};

} // namespace echelon::cluster
