/// The course of one request as a pure state machine: which actor to ask, when to call an upstream,
/// when to retry, fall back, wait or give up. The driver carries out its actions and feeds it what
/// happened. See docs/semantics.md.
#pragma once

#include "policy/failure.hpp"
#include "policy/gate.hpp"
#include "policy/topology.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <variant>
#include <vector>

namespace echelon::policy {

/// What the request itself brings.
struct request_terms {
  time_point deadline{};     ///< Nothing of the request outlives it.
  std::uint8_t priority = 5; ///< 0 goes first, 9 last.
  std::int64_t tokens = 0;   ///< Estimate of prompt plus answer, in LLM tokens.
  /// Asks the target's retry budget for one retry or hedge. Null: there is always one.
  std::function<bool(time_point)> take_retry = nullptr;
  /// A fresh id for each further ask and each wait. In a cluster what the one before gave back may
  /// arrive after what the next one takes, and must not end it. Null: one id serves for all.
  std::function<hold_id()> next_hold = nullptr;
  path_id key = 0;   ///< The actor of the client's key; 0: it has no limits.
  money_ask money{}; ///< What the request may cost at most by an estimate.
};

/// A permit that `actor` keeps for whoever waited there, under the id of that wait.
struct ticket {
  path_id actor = 0;
  hold_id id = 0;
  bool operator==(const ticket&) const = default;
};

/// Ask `route.front()` for admission; it passes the request on down the route.
struct ask_admission {
  hold_id hold = 0;
  std::vector<path_id> route;   ///< Actors still to pass, in order; the first is asked.
  std::vector<path_id> avoid;   ///< Models that the tier should put last (tried already).
  std::vector<path_id> exclude; ///< Models that the tier must leave out.
  std::vector<path_id> closed;  ///< Models of the tier that are open or benched.
  std::vector<path_id> charged; ///< Actors that this request has paid already.
  std::int64_t tokens = 0;
  money_ask money{};
  std::vector<ticket> tickets{}; ///< What waiting has brought; each is used up where it is shown.
};

/// Wait for a permit of `actor`, until `deadline` at most.
struct wait_turn {
  path_id actor = 0;
  waiter who;
};

/// Call this model. `timeout` bounds the attempt (plain) or each silence (stream).
struct start_attempt {
  std::string model; ///< Name of the model.
  std::string label; ///< `plan_group.echelon2`, or the model's name.
  std::string group; ///< Empty: a model by itself.
  std::string tier;
  duration timeout{};
  std::optional<duration> hedge_after; ///< When to call ask_hedge().
};

struct sleep_until {
  time_point when{};
};

/// The request is over without an answer.
struct give_up {
  enum class kind : std::uint8_t {
    upstream,   ///< The last upstream failure decides.
    no_room,    ///< Limits or queues are full: 429.
    all_open,   ///< Breakers open or members benched: 503.
    deadline,   ///< 504.
    unavailable ///< Actors gone: 503.
  } why = kind::upstream;
  duration retry_after{}; ///< When the same request could succeed; 0: not known.
  refusal reason = refusal::none;
  path_id by = 0; ///< The actor above all candidates that refused; 0: none did.
};

/// The answer is complete; nothing left to do.
struct done {};

using action = std::variant<ask_admission, wait_turn, start_attempt, sleep_until, give_up, done>;

/// An actor's answer to ask_admission.
struct admission_answer {
  refusal why = refusal::none; ///< none: granted down to the model.
  path_id by = 0;              ///< The model that granted, or who refused.
  path_id next = 0;            ///< With a refusal: the sibling or lower tier to try next; 0: none.
  duration retry_after{};
  std::vector<path_id> trail;   ///< Actors that hold something for this ask, top down.
  std::vector<path_id> order;   ///< The tier's order, if a tier was passed.
  std::vector<path_id> members; ///< The pool's order of members, if it chose.
};

/// A hold to end at one actor.
struct actor_release {
  path_id actor = 0;
  gate_release release;
  path_id member = 0; ///< At a pool or tier: whose outcome it is.
};

/// How an attempt ended, as far as decisions need it.
struct attempt_result {
  failure_class kind = failure_class::none;
  std::optional<duration> retry_after;
  bool committed = false; ///< The client has seen content: nothing else may be tried.
  std::int64_t tokens = -1;
  /// After a failure: how long the model refuses from now on (breaker or bench); 0: it does not.
  duration model_closed_for{};
};

/// One line of the decision record.
struct step {
  time_point at{};
  std::string what; ///< `refused`, `attempt`, `hedge`, `failed`, `lost`, `wait`, `turn`, `backoff`,
                    ///< `move`, `answered`, `give_up`, `abandoned`.
  std::string actor;  ///< Path or label.
  std::string reason; ///< In words.
};

class dispatch {
public:
  /// `hold` is this request's own, at every actor; `seed` feeds the jitter of the backoff.
  dispatch(std::shared_ptr<const plan> plan, topology_ptr topology, request_terms terms,
           hold_id hold, std::uint64_t seed);

  [[nodiscard]] action begin(time_point now);
  /// The pending ask of `old` is put again under a fresh id: a late answer to the first one must
  /// not end what the second takes. What the first took is given back by whoever asks.
  void renew_hold(hold_id old, hold_id fresh);
  [[nodiscard]] action on_admission(const admission_answer& x, time_point now);
  /// The wait ended: with a ticket (none), or without (queue_full, open, benched, unavailable), or
  /// by its deadline (saturated).
  [[nodiscard]] action on_turn(refusal why, time_point now);
  [[nodiscard]] action on_slept(time_point now);
  /// The attempt failed. Its own model must have been told before (see failure_release()).
  [[nodiscard]] action on_failure(const attempt_result& x, time_point now);
  [[nodiscard]] action on_success(std::int64_t tokens, time_point now);
  /// What an attempt cost, in millionths; before on_success(), on_failure() or abandon().
  void spend(std::int64_t money) { cost_ += money; }
  /// The client left or the router stops: gives everything back. `sent`: the last attempt that was
  /// to start was sent; else its units go back too.
  void abandon(time_point now, bool sent);

  // Hedging (dispatch_hedge.cpp): a second attempt beside the one that runs.
  /// The running attempt is late: asks the tier for another model under `hold`, an id of its own.
  /// Nothing if there is none to ask or the retry budget is spent.
  [[nodiscard]] std::optional<ask_admission> ask_hedge(hold_id hold, time_point now);
  /// Nothing if it was refused.
  [[nodiscard]] std::optional<start_attempt> on_hedge_admission(const admission_answer& x,
                                                                time_point now);
  /// The hedge began to answer first, and is the attempt from now on; the other one is lost.
  void hedge_won(time_point now);
  /// The other attempt began to answer first, or the request ends. `started`: it was sent.
  void hedge_lost(time_point now, bool started = true);
  /// The hedge failed; the attempt goes on. Its model must have been told before.
  void on_hedge_failure(const attempt_result& x, time_point now);
  /// The attempt failed in a way that moves on, while its hedge runs: that is the attempt from now
  /// on. The failed model must have been told before.
  void hand_over(const attempt_result& x, time_point now);

  /// What must be told to actors now, in order; call after each of the above.
  [[nodiscard]] std::vector<actor_release> take_releases();
  /// The release that tells the attempt's own model of a failure. Its answer says how long the
  /// model stays closed. `of_hedge`: the hedge's.
  [[nodiscard]] actor_release failure_release(failure_class kind,
                                              std::optional<duration> retry_after,
                                              std::int64_t tokens, bool of_hedge = false);

  [[nodiscard]] std::uint32_t attempts() const { return attempts_; }
  /// The id under which actors know the request now.
  [[nodiscard]] hold_id hold() const { return hold_; }
  [[nodiscard]] const std::vector<step>& steps() const { return steps_; }
  [[nodiscard]] const stage& current_stage() const { return *stages_[at_]; }
  [[nodiscard]] duration queued_for() const { return queued_; }

  /// How long a class benches a model when the upstream named no time.
  [[nodiscard]] static duration bench_time(failure_class kind, std::optional<duration> retry_after);

private:
  struct visit {                // What happened in one stage.
    std::vector<path_id> order; // The tier's order; the file's before it was asked.
    std::set<path_id> passed;   // Models that refused in this pass.
    std::set<path_id> no_retry; // Models that must not be tried again here.
    bool refused = false;       // Its tier, group or pool refused in this pass.
    std::uint32_t attempts = 0;
    std::uint32_t retries = 0;
    bool left = false;      // No further attempts here.
    bool blamed = false;    // A failure that counts happened here.
    std::set<path_id> bad;  // Models that failed so, or are closed.
    std::set<path_id> shut; // Models that are open or benched.
    bool closed = false;    // Its tier, group or pool member is closed.
  };
  struct later { // A model that may be tried again when its bench ends.
    std::size_t stage;
    path_id model;
    time_point when;
  };

  struct holding { // An actor that holds something for us, and under which id.
    path_id actor;
    hold_id hold;
  };
  struct hedge {
    hold_id hold;
    path_id model = 0; // 0: asked, not granted yet.
    std::vector<path_id> held;
  };

  // Choosing (dispatch_choice.cpp).
  bool eligible(std::size_t index) const;
  bool free_move(std::size_t index, const stage_model& x) const;
  bool may_try(std::size_t index, const stage_model& x) const;
  const stage_model* pick(std::size_t index) const;
  const stage_model* model_in(std::size_t index, path_id id) const;
  void promote_hedge(std::int64_t tokens);
  std::optional<std::size_t> first_eligible() const;
  bool follow_cause(failure_class kind, const stage_model& failed);
  bool take_retry(time_point now);
  void note_failure(const attempt_result& x, path_id failed, time_point now);
  std::optional<action> try_here(const attempt_result& x, time_point now);
  action next_candidate(time_point now);
  action ask_stage(std::size_t index, path_id model);
  action exhausted(time_point now);
  action wait_for_room(time_point now);
  action retry_later(time_point now);
  action finish(give_up x, time_point now);
  void begin_pass();
  void note_refusal(const admission_answer& x, time_point now);
  void apply_member_order(const std::vector<path_id>& members);

  // Holding (dispatch_holds.cpp).
  std::vector<path_id> full_route(std::size_t index, path_id model) const;
  void release(path_id actor, outcome result, bool refund, std::int64_t tokens = -1,
               hold_id hold = 0);
  void release_last(outcome result, bool refund, std::int64_t tokens = -1);
  bool drop_held(path_id actor);
  void release_from(std::size_t first, outcome result, bool refund);
  void withdraw(const ticket& x);
  /// Gives back those of the actors that `which` is true of.
  template <class Which>
  void drop_tickets(Which which) {
    std::erase_if(tickets_, [&](const ticket& x) {
      if (!which(x.actor)) return false;
      withdraw(x);
      return true;
    });
  }
  void drop_tickets();
  bool failed_whole(std::size_t index) const;
  void blame(path_id actor, path_id member);
  void blame_outer(const stage& from);
  void leave(std::size_t index, std::optional<std::size_t> next);
  level level_of(path_id id) const;
  std::mt19937_64& random();
  std::string name(path_id id) const;
  void note(time_point now, std::string what, std::string actor, std::string reason);

  std::shared_ptr<const plan> plan_;
  topology_ptr topology_;
  request_terms terms_;
  hold_id hold_;              // Of the newest ask; what is held keeps its own.
  bool asked_before_ = false; // Then the next ask gets another one, if there is one.
  std::uint64_t seed_;
  std::unique_ptr<std::mt19937_64>
      random_; // Made when it is needed: seeding costs more than asking.

  std::vector<const stage*> stages_; // Of the plan, in the order in which they are tried.
  std::vector<visit> visits_;
  bool ordered_ = false; // The pool has chosen the order of its members.
  std::size_t at_ = 0;   // Stage being asked or attempted.
  std::optional<std::size_t> last_attempt_stage_;
  path_id model_ = 0;          // Model being attempted.
  bool live_ = false;          // An attempt runs.
  bool waiting_ = false;       // Waits in the queue of asked_,
  hold_id waits_as_ = 0;       // by this id.
  std::vector<path_id> asked_; // Route of the pending ask.
  std::vector<holding> held_;  // Top down.
  std::optional<hedge> hedge_;
  path_id held_member_ = 0;                    // Member that the pool's hold is for.
  std::uint32_t vain_turns_ = 0;               // In a row, that led to no attempt.
  bool stood_back_ = false;                    // Since the last of them.
  std::vector<ticket> tickets_;                // Permits that are kept for us.
  std::set<std::pair<path_id, path_id>> told_; // Levels (and pool members) told of a failure.
  std::set<path_id> charged_;                  // Levels that count requests and were paid.
  std::map<path_id, std::uint32_t> tries_;     // Attempts by model.
  std::optional<std::string> lost_provider_;   // provider_failover: whom to leave.
  path_id lost_group_ = 0;
  std::optional<std::vector<std::size_t>> only_; // A cause led here: these stages and no others.
  std::vector<later> later_;
  std::uint32_t attempts_ = 0;
  std::uint32_t moves_ = 0;

  // Refusals of the current pass.
  std::vector<path_id> saturated_; // In the order in which they were met.
  bool rate_limited_ = false, blocked_ = false;
  path_id blocked_by_ = 0;
  std::int64_t cost_ = 0; // What the key's hold has to settle.
  duration soonest_{};    // Smallest known wait among refusals; 0: none known.
  refusal last_refusal_ = refusal::none;

  std::optional<time_point> waiting_since_;
  duration queued_{};
  std::optional<std::pair<std::size_t, path_id>> resume_; // After a sleep: whom to try.
  std::vector<actor_release> releases_;
  std::vector<step> steps_;
};

} // namespace echelon::policy
