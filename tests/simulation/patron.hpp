/// One request on its way through a node, as engine/call drives it.
#pragma once

#include "host.hpp"
#include "reference.hpp"

#include "policy/dispatch.hpp"

#include <array>
#include <memory>
#include <optional>

namespace echelon::simulation {

/// What an upstream does with an attempt.
struct upstream_reply {
  policy::failure_class kind = policy::failure_class::none;
  duration takes{};
};

/// What all requests share.
struct scene {
  timeline& time;
  wires& net;
  reference& upstreams;
  policy::topology_ptr topology;
  std::function<upstream_reply(policy::path_id model)> upstream;
  std::uint64_t attempts = 0;
};

class patron : public std::enable_shared_from_this<patron> {
public:
  patron(scene& of, host& at, std::shared_ptr<const policy::plan> plan, duration timeout,
         std::uint8_t priority);
  void begin();

  [[nodiscard]] bool over() const { return over_; }
  [[nodiscard]] bool answered() const { return answered_; }
  /// How far beyond its deadline it ended, without what its process was frozen meanwhile.
  [[nodiscard]] duration late() const { return ended_ - deadline_ - slept_; }
  [[nodiscard]] const std::string& node() const { return node_; }
  /// Whether the process that took it still is.
  [[nodiscard]] bool alive() const;
  [[nodiscard]] std::string describe() const;

private:
  void step(policy::action next);
  void flush();
  void ask(policy::ask_admission x, time_point limit, duration pause);
  void wait(const policy::wait_turn& x);
  void attempt_begins(const policy::start_attempt& x);
  void attempt_ended(std::uint64_t number, const upstream_reply& reply);
  std::uint64_t at_deadline(std::function<void()> over);
  /// Later, at this process, if it still is and this is not over.
  void after(duration d, std::function<void()> what);
  void soon(std::function<void()> what) { after(duration::zero(), std::move(what)); }

  scene& of_;
  std::string node_;
  std::uint64_t incarnation_;
  host* host_;
  std::shared_ptr<const policy::plan> plan_;
  time_point deadline_, ended_{};
  duration slept_;                    ///< Of its process: before it began, then while it ran.
  std::array<time_point, 6> asked_{}; ///< By level: when what is held there was asked for.
  policy::dispatch core_;
  std::uint64_t turn_ = 0;     ///< Of the wait that runs; answers to others are late.
  std::uint64_t question_ = 0; ///< The same, of an ask.
  std::uint32_t steps_ = 0;
  bool paid_ = false, over_ = false, answered_ = false;
  std::string doing_;
};

} // namespace echelon::simulation
