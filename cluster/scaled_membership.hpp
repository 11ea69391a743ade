/// Static membership with `partition: scale`: a side of a split goes on with its share of every
/// limit. The chain of views is that of quorum_membership, but for this: a view comes only when all
/// members of the one before agree, or have another process in their place, or leave. Pure.
///
/// A *stance* is the whole (the newest view V of the chain) or a side of V: some of its members
/// that all hear each other. A node acts in a stance only while *every* member of it has
/// acknowledged a beat that was sent in that stance within `lease`; acknowledgements go between
/// nodes of the same stance alone. Before a node enters another stance, it has acknowledged nobody
/// who is not in that one for `detection` > `lease`.
///
/// Safety. Two stances that act at one time share no node, or are the same. Be A and B two that act
/// at t, and s in both: s acknowledged x of A in A and y of B in B, each within `lease` before t.
/// Whichever came first, s left it for the other one, and unless the one that it left is a part of
/// the other one, it first was silent to those it left for longer than `lease`. If it is a part,
/// its members x and y are in both, and each of the two would have had to be in the other's stance
/// after it had entered its own. So sides that act are disjoint, and their shares, |side| / |V|
/// each, add up to the whole at most. While it is not known that all have taken V, a side's share
/// is the smaller one of those by V and by the view before, because another side may go by that.
/// Assumes what quorum_membership does, and that a process that starts under the name of another
/// one starts when that one has ended.
#pragma once

#include "cluster/quorum_membership.hpp"

namespace echelon::cluster {

class scaled_membership final : public membership {
public:
  explicit scaled_membership(membership_settings settings);

  [[nodiscard]] const char* kind() const override { return inner_.kind(); }
  [[nodiscard]] bool take_reset() override { return std::exchange(reset_, false); }
  /// After a side has become part of something larger, or nobody was heard for long: others may
  /// have used up what this node does not know of.
  [[nodiscard]] bool take_doubt() override { return std::exchange(doubt_, false); }
  void tick(time_point now) override;
  void receive(const protocol_message& x, time_point now) override;
  void set_config(std::uint64_t x) override { inner_.set_config(x); }
  /// It goes to no side any more: nobody would know what it does there.
  void leave() override;
  [[nodiscard]] std::vector<outgoing> take_outgoing() override;
  [[nodiscard]] std::vector<std::string> take_notes() override;
  /// The view of the chain, or a side: the members that act together, and in `before` those of the
  /// view that is split.
  [[nodiscard]] const messages::view& current() const override;
  [[nodiscard]] std::vector<messages::view> take_views() override {
    return std::exchange(fresh_, {});
  }
  /// Nobody asks: what members of another side hold counts as all that there is.
  [[nodiscard]] bool outlives(const std::set<std::string>&) const override { return true; }
  [[nodiscard]] time_point lease_until(time_point now) const override;
  [[nodiscard]] std::vector<messages::member> alive(time_point now) const override {
    return inner_.alive(now);
  }
  [[nodiscard]] std::set<std::string> differing() const override { return inner_.differing(); }
  [[nodiscard]] const membership_settings& settings() const override { return inner_.settings(); }
  [[nodiscard]] policy::share part() const override;

private:
  struct peer {
    messages::member who;
    time_point heard{};
    std::vector<messages::member> known; ///< Whom it hears.
  };
  using members = std::vector<messages::member>;

  void on(const messages::beat& x, time_point now);
  void on(const messages::beat_ack& x, time_point now);
  void follow_chain(time_point now);
  void decide(time_point now);
  void enter(const members& to, time_point now);
  void moved(time_point now);
  bool hear_each_other(const messages::member& x, time_point now) const;
  bool linked(const messages::member& a, const messages::member& b, time_point now) const;
  bool all_there(time_point now) const;
  members own_side(time_point now) const;
  bool aside() const { return side_.id != 0; }
  const messages::member& self() const { return settings().self; }

  quorum_membership inner_;
  messages::view side_;            ///< Of id 0: none.
  policy::share part_;             ///< Of the side.
  members intended_;               ///< Where it goes when it may; empty: it stays.
  time_point entered_{}, taken_{}; ///< This stance; the newest view.
  std::map<std::string, peer> peers_;
  std::map<messages::member, time_point> acked_;   ///< When we last acknowledged whom.
  std::map<messages::member, time_point> counted_; ///< Sent when, of what they acknowledged here.
  std::map<messages::member, time_point> reached_; ///< The same, in whatever stance.
  std::set<messages::member> agreed_;              ///< Heard in the newest view of the chain.
  bool leaving_ = false, reset_ = false, doubt_ = false;
  time_point now_{};
  std::vector<outgoing> acks_;
  std::vector<messages::view> fresh_;
  std::vector<std::string> notes_;
};

} // namespace echelon::cluster
