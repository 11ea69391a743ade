/// Where an experiment takes place: routers and what may be struck there.
#pragma once

#include "cli/chaos/experiment.hpp"
#include "cli/chaos/limit_check.hpp"

#include <nlohmann/json_fwd.hpp>

#include <map>
#include <set>
#include <string>
#include <vector>

namespace echelon::cli {

/// A target that is asked, and the actors on its way.
struct asked_target {
  std::string name;
  std::set<std::string> actors; ///< Empty: not known.
  bool echoed = false;          ///< A right answer holds the question.
};

/// A place of routers. The experiment is one caller on one thread.
class arena {
public:
  virtual ~arena() = default;
  /// Base URLs of the routers, in the order of nodes().
  [[nodiscard]] virtual std::vector<std::string> urls() const = 0;
  [[nodiscard]] virtual std::vector<std::string> nodes() const = 0;
  [[nodiscard]] virtual std::vector<asked_target> targets() const = 0;
  /// Begins a fault. @returns What went wrong; empty: nothing.
  virtual std::string begin(const strike& x) = 0;
  /// Ends one that lasts.
  virtual void end(const strike& x) = 0;
  /// Nothing is said about limits if there is nobody to count them.
  [[nodiscard]] virtual std::vector<limit_check> limits() const = 0;
  /// Whether that node can be asked: it lives, does not stand still and is ready.
  [[nodiscard]] virtual bool ready(std::size_t node) = 0;
  /// The administrator's token, if there is one.
  [[nodiscard]] virtual std::string token() const = 0;

  /// GET /admin/state of a router; null if it does not answer.
  [[nodiscard]] nlohmann::json state(std::size_t node);
  /// Paths of all actors by level, and the supervisor's.
  [[nodiscard]] std::map<std::string, std::vector<std::string>> actors();

protected:
  /// POST of a disturbance to one router after the other until one has that actor.
  std::string disturb(const strike& x);
};

} // namespace echelon::cli
