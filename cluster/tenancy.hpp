/// Which placements this node may serve, view by view: what it has to get first, and from whom.
/// Pure.
#pragma once

#include "cluster/placement.hpp"
#include "policy/settings.hpp"

#include <map>
#include <optional>
#include <vector>

namespace echelon::cluster {

/// How this node stands to one placement.
enum class standing : std::uint8_t {
  pulling,    ///< It is the owner's heir: asks the owner before for the state.
  rebuilding, ///< The owner before is lost: the state is put together from the gateways.
  ready,      ///< It has the state, and serves while it is the owner.
};

struct tenure {
  standing is = standing::ready;
  bool owner = true;            ///< Of the current view; else kept for whoever asks for it.
  messages::member from;        ///< Pulling: whom to ask.
  messages::member heir;        ///< Not the owner: who became it when this node ceased to be.
  std::uint64_t since = 0;      ///< Epoch of the view with which this began.
  policy::time_point changed{}; ///< When.
};

class tenancy {
public:
  explicit tenancy(messages::member self) : self_(std::move(self)) {}

  /// Takes the next view. `keys` are all placements of the configuration.
  void change(const messages::view& x, const std::vector<policy::path_id>& keys,
              policy::time_point now);
  /// What we have is void: others may have owned it meanwhile.
  void doubt();
  /// The owner before has handed over, or there was nothing to rebuild.
  void settled(policy::path_id key);
  /// The one that we asked has lost it too.
  void lost(policy::path_id key);
  /// The state was handed over to its new owner.
  void released(policy::path_id key) { all_.erase(key); }
  /// A placement that the configuration brought. `anew`: to all nodes at once, so nobody had it
  /// before.
  void begin(policy::path_id key, policy::time_point now, bool anew);

  [[nodiscard]] const tenure* find(policy::path_id key) const;
  /// This node owns it and has its state.
  [[nodiscard]] bool serves(policy::path_id key) const;
  [[nodiscard]] const std::map<policy::path_id, tenure>& all() const { return all_; }

private:
  messages::member self_;
  std::map<policy::path_id, tenure> all_;
};

} // namespace echelon::cluster
