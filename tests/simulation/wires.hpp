/// Connections between simulated nodes: delayed, kept in order, broken, and cut in silence.
#pragma once

#include "timeline.hpp"

#include <caf/actor_control_block.hpp>
#include <caf/message_id.hpp>

#include <map>
#include <set>
#include <string>
#include <vector>

namespace echelon::simulation {

class host;

/// One connection for each pair of hosts, as TCP gives it: messages of one direction arrive in
/// order or, when it breaks, not at all. Of different pairs, and of the connection after, they
/// overtake each other. Where packets vanish messages stay on their way for `patience`; then it
/// breaks at both ends, as with TCP_USER_TIMEOUT.
class wires {
public:
  explicit wires(timeline& time) : time_(time) {}

  static constexpr duration patience = std::chrono::seconds{3};
  duration most_delay = std::chrono::milliseconds{2};

  void add(host* x);
  /// The process has ended; `loud`: its peers learn of it by a reset, else by silence.
  void remove(host* x, bool loud);
  [[nodiscard]] host* find(const std::string& name) const;
  /// Who has this address of CAF's.
  [[nodiscard]] host* find(const caf::node_id& id) const;

  void post(host& from, const caf::node_id& to, caf::actor_id target, std::vector<char> bytes,
            caf::message_id mid);
  /// Nothing passes from one to the other any more; the other way it does.
  void cut(const std::string& from, const std::string& to);
  void heal();
  /// A connection breaks, and may be made anew at once.
  void break_off(const std::string& a, const std::string& b);
  /// Whether a connection could be made now.
  [[nodiscard]] bool reachable(const std::string& from, const std::string& to) const;
  /// Makes it, if there is none. False if that is not possible.
  bool connect(const std::string& from, const std::string& to);
  [[nodiscard]] duration delay() { return time_.draw(duration{1}, most_delay); }

private:
  using direction = std::pair<std::string, std::string>;
  struct letter {
    std::string to;
    caf::actor_id target;
    std::vector<char> bytes;
    caf::message_id mid;
  };
  struct link {
    bool up = false;
    std::uint64_t number = 0; ///< Of the connection; letters of an earlier one are lost.
  };
  link& between(const std::string& a, const std::string& b);
  void send(const direction& way, letter x);

  timeline& time_;
  std::map<std::string, host*> hosts_;
  std::map<direction, link> links_; ///< The smaller name first.
  std::set<direction> cuts_;
  std::map<direction, std::vector<letter>> held_; ///< Sent into a cut.
  std::map<direction, time_point> last_;          ///< When the last one arrives.
};

} // namespace echelon::simulation
