/// Membership without an external store: agreed by quorums, kept by heartbeats. Pure.
///
/// Safety, in two lemmas. (1) Views form one chain: the view of an epoch is decided by Paxos among
/// the members of the one before. (2) A member may act (lease) only for `lease` after it *sent* a
/// beat that a quorum acknowledged as counting; whoever acknowledged will not accept a view without
/// that member until `detection` > `lease` has passed since. Quorums of one view intersect, so by
/// the time a view without it is agreed, the member has stopped. Assumes that monotonic clocks run
/// at the same pace, to the tenth part of detection - lease.
/// A process that starts again under its name has forgotten what it said: it votes only when its
/// acknowledgements would have lapsed. What it may have agreed to is lost with it; should that
/// split the chain, only one of its ends can have a quorum (acknowledgements are for one view
/// alone), and whoever stands on another one gives up and joins anew.
#pragma once

#include "cluster/membership.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace echelon::cluster {

class quorum_membership final : public membership {
public:
  explicit quorum_membership(membership_settings settings);

  [[nodiscard]] const char* kind() const override { return "static"; }
  [[nodiscard]] bool take_reset() override { return std::exchange(reset_, false); }
  /// After this node has had no quorum for longer than the detection time.
  [[nodiscard]] bool take_doubt() override { return std::exchange(doubt_, false); }
  void tick(time_point now) override;
  void receive(const protocol_message& x, time_point now) override;
  void set_config(std::uint64_t x) override { settings_.config = x; }
  void leave() override { leaving_ = true; }
  [[nodiscard]] std::vector<outgoing> take_outgoing() override;
  [[nodiscard]] std::vector<std::string> take_notes() override;
  [[nodiscard]] const messages::view& current() const override { return view_; }
  [[nodiscard]] std::vector<messages::view> take_views() override {
    return std::exchange(fresh_, {});
  }
  /// It takes no part in agreeing on views meanwhile.
  void set_aside(bool x) { aside_ = x; }
  void beat_soon() { last_beat_.reset(); }
  /// Whoever agrees on the next view is a quorum too: one of them knows it.
  [[nodiscard]] bool outlives(const std::set<std::string>& nodes) const override {
    return enough(nodes);
  }
  [[nodiscard]] time_point lease_until(time_point now) const override;
  /// Everyone heard within the detection time, this node among them.
  [[nodiscard]] std::vector<messages::member> alive(time_point now) const override;
  [[nodiscard]] std::set<std::string> differing() const override;
  [[nodiscard]] const membership_settings& settings() const override { return settings_; }

private:
  struct peer {
    messages::member who;
    time_point heard{};
    std::optional<time_point> counted; // When our newest beat was sent that it acknowledged.
    bool leaving = false;
    std::uint64_t origin = 0, epoch = 0, id = 0, config = 0;
    bool acts = false;
  };
  struct proposal {
    messages::ballot number;
    messages::view value;
    std::map<std::string, messages::promise_view> promises;
    std::set<std::string> accepted;
    bool accepting = false;
    time_point started{};
  };

  void on(const messages::beat& x, time_point now);
  void on(const messages::beat_ack& x, time_point now);
  void on(const messages::prepare_view& x, time_point now);
  void on(const messages::promise_view& x, time_point now);
  void on(const messages::accept_view& x, time_point now);
  void on(const messages::view_accepted& x, time_point now);
  void on(const messages::view_agreed& x, time_point now);

  void send_beats(time_point now);
  void propose_if_due(time_point now);
  void reset_if_forsaken(time_point now);
  bool may_vote(time_point now) const;
  bool all_agree(time_point now) const;
  bool votes(const std::string& node) const;
  std::optional<messages::view> wanted(time_point now) const;
  std::vector<messages::member> electorate() const;
  bool enough(const std::set<std::string>& nodes) const;
  void adopt(const messages::view& x);
  void send(const std::string& to, protocol_message what);
  void note(const std::string& key, std::string text);
  bool is_alive(const messages::member& x, time_point now) const;
  bool is_lost(const messages::member& x, time_point now) const;
  bool withheld(const messages::member& x, time_point now) const;
  bool resizes(const messages::view& next) const;
  void teach(const std::string& node, std::uint64_t epoch);

  membership_settings settings_;
  messages::view view_;
  bool leaving_ = false;
  std::map<std::string, peer> peers_;
  std::map<messages::member, time_point> counted_for_; // When we last acknowledged whom.
  /// Since when a view without them is being agreed: no more acks meanwhile.
  std::map<messages::member, time_point> withheld_;
  std::deque<messages::view> history_; // The newest views, this one last.
  messages::ballot promised_, accepted_;
  messages::view accepted_value_;
  std::optional<proposal> proposal_;
  std::uint64_t round_ = 0;
  std::optional<time_point> started_, last_beat_, last_proposal_;
  time_point last_acted_{};
  time_point now_{}, adopted_{}; ///< Of the newest call; of the newest view.
  /// Of the newest view with other quorums than the one before: some may still act by those.
  std::optional<time_point> resized_;
  /// When this node first agreed to such a view for the next epoch.
  std::optional<time_point> resizing_;
  bool reset_ = false, doubt_ = false, aside_ = false;
  std::vector<outgoing> outgoing_;
  std::vector<messages::view> fresh_;
  std::vector<std::string> notes_;
  std::set<std::string> noted_;
};

} // namespace echelon::cluster
