/// A whole cluster, its clients and its misfortunes, all drawn from one seed.
#pragma once

#include "patron.hpp"

#include <map>
#include <memory>
#include <set>
#include <vector>

namespace echelon::simulation {

/// How one run went.
struct outcome {
  std::string violation; ///< Empty: all that must hold held.
  std::vector<std::string> notes;
  std::uint64_t requests = 0, answered = 0, attempts = 0;
};

class world {
public:
  explicit world(std::uint64_t seed, bool keep_notes = false);
  ~world();
  /// Load and faults, then peace; then everything must be as if nothing had been.
  [[nodiscard]] outcome run();

private:
  void run_until(time_point t);
  void settle();
  void look();
  void arrive(time_point until);
  void misfortune(time_point until);
  void start(const std::string& name);
  void crash(const std::string& name, bool loud);
  void leave(const std::string& name);
  void restart_in_turn(std::size_t index);
  void make_peace();
  void check_end();
  void note_moves(host& x);
  [[nodiscard]] std::string holders(const actors::level_core& core, const messages::actor_state& s);
  [[nodiscard]] std::vector<std::string> running() const;
  [[nodiscard]] std::string any_of(const std::vector<std::string>& names);
  upstream_reply upstream(policy::path_id model);

  timeline time_;
  wires net_;
  policy::topology_ptr topology_;
  reference upstreams_;
  scene scene_;
  std::vector<std::string> names_;
  std::map<std::string, std::unique_ptr<host>> hosts_;
  std::set<std::string> disturbed_; ///< Nodes to which something is being done.
  std::uint64_t incarnations_ = 0;
  // As last seen, by node.
  std::map<std::string, bool> acts_;
  std::map<std::string, std::uint64_t> epochs_;
  std::map<std::string, std::set<policy::path_id>> lives_;
  bool leases_ = false, in_peace_ = false;
  bool long_calls_ = false; // Some last for seconds.
  std::vector<std::shared_ptr<patron>> requests_;
  std::map<policy::path_id, time_point> sick_; ///< Upstreams that fail until then.
};

} // namespace echelon::simulation
