/// Many requests at once through the whole hierarchy in virtual time, with delays between
/// dispatcher and actors, failures, hedges and clients that leave. Checks what must always hold as
/// it goes.
#pragma once

#include "actors/level_core.hpp"
#include "config/topology.hpp"
#include "policy/dispatch.hpp"
#include "policy/retry_budget.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

namespace echelon::test {

/// What an upstream does with one attempt.
struct behaviour {
  policy::failure_class kind = policy::failure_class::none;
  std::optional<policy::duration> retry_after = std::nullopt;
  policy::duration takes{};
  bool committed = false; ///< It fails after its first content.
};

struct crowd_options {
  std::uint64_t seed = 0;
  policy::duration answer_delay{}; ///< Most that a message of the hierarchy takes.
  /// What the upstream of a model does now.
  std::function<behaviour(std::mt19937_64&)> upstream;
  /// How often an actor moves to another node, memory and all; 0: never.
  policy::duration moves{};
  bool remember_starts = true; ///< Keep every start for check_rates(); a soak does not.
};

/// One request to come.
struct arrival {
  policy::time_point at{};
  std::string target;
  std::uint8_t priority = 5;
  policy::duration timeout{};
  std::optional<policy::duration> leaves_after = std::nullopt; ///< The client does not wait longer.
};

/// How requests ended.
struct tally {
  std::uint64_t answered = 0, failed = 0, refused = 0, late = 0, left = 0, attempts = 0, hedges = 0;
  [[nodiscard]] std::uint64_t ended() const { return answered + failed + refused + late + left; }
};

class crowd {
public:
  crowd(const config::RouterConfig& config, crowd_options options);
  ~crowd();

  void add(const arrival& x);
  /// Until nothing is left to happen. Virtual time stands at the last event then.
  void run();
  /// Until `t`, at which virtual time stands then.
  void run_until(policy::time_point t);

  [[nodiscard]] policy::time_point now() const { return now_; }
  /// From now on upstreams do this.
  void behave(std::function<behaviour(std::mt19937_64&)> upstream) {
    options_.upstream = std::move(upstream);
  }
  [[nodiscard]] const tally& result() const { return tally_; }
  /// What was violated so far, in words; at most 20.
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }
  /// Adds a violation for every window of every limit in which more started than may.
  void check_rates();
  /// Adds a violation for everything that is still held or waits.
  void check_idle();
  /// Permits, queue, limiters and breaker of every actor in one text, without totals.
  [[nodiscard]] std::string state() const;

private:
  struct request;
  using request_ptr = std::shared_ptr<request>;

  void at(policy::time_point t, std::function<void()> what);
  policy::duration delay();
  void start(const arrival& x);
  void step(const request_ptr& r, policy::action next);
  void flush(const request_ptr& r);
  policy::duration report(const policy::actor_release& x);
  policy::admission_answer ask(const policy::ask_admission& q);
  void begin_attempt(const request_ptr& r, const policy::start_attempt& x, bool hedge);
  void plan_hedge(const request_ptr& r, policy::duration after);
  void begin_hedge(const request_ptr& r, policy::admission_answer answer);
  void end_attempt(const request_ptr& r, bool hedge, const behaviour& x);
  void wake(policy::path_id actor);
  void move_one();
  void leave(const request_ptr& r);
  void end(const request_ptr& r);
  void occupy(request& r, policy::path_id model, bool hedge);
  void vacate(std::vector<policy::path_id>& permits);
  void violation(std::string what);

  policy::topology_ptr topology_;
  config::RouterConfig config_;
  crowd_options options_;
  std::mt19937_64 random_;
  policy::time_point now_{std::chrono::hours{1000}};
  struct event {
    policy::time_point at;
    std::uint64_t number;
    std::function<void()> what;
    bool operator<(const event& x) const {
      return at != x.at ? at > x.at : number > x.number; // The queue's top is the largest.
    }
  };
  std::priority_queue<event> events_;
  std::uint64_t events_so_far_ = 0;
  std::unordered_map<policy::path_id, actors::level_core> actors_;
  std::unordered_map<policy::hold_id, request_ptr> waiting_;
  std::map<std::string, policy::retry_budget> budgets_;
  std::unordered_map<policy::path_id, std::int64_t> running_; // Attempts by actor.
  std::unordered_map<policy::path_id, std::vector<policy::time_point>> starts_;
  policy::hold_id holds_ = 0;
  std::uint64_t alive_ = 0;
  tally tally_;
  std::vector<std::string> violations_;
};

} // namespace echelon::test
