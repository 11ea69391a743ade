/// One level's gate: permits, queue, limiters and breaker, taken all together or not at all.
#pragma once

#include "policy/breaker.hpp"
#include "policy/budget.hpp"
#include "policy/limiter.hpp"
#include "policy/loans.hpp"
#include "policy/queue.hpp"

#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

namespace echelon::policy {

/// Why a gate said no.
enum class refusal : std::uint8_t {
  none,         ///< It said yes.
  saturated,    ///< No permit is free.
  queue_full,   ///< No permit is free and nobody more may wait.
  rate_limited, ///< The rate or token window is spent.
  open,         ///< The breaker is open.
  benched,      ///< The member asked to be left alone (429), or its key is dead.
  unavailable,  ///< The actor is gone or has never heard of the target.
  spent,        ///< The money of the day or the month is.
};
[[nodiscard]] std::string_view to_string(refusal x);

struct gate_verdict {
  refusal why = refusal::none;
  duration retry_after{}; ///< With a refusal: when the same call could succeed; 0: not known.
  [[nodiscard]] bool admitted() const { return why == refusal::none; }
};

/// What one admission asks for.
struct gate_ask {
  hold_id id = 0;
  bool charge = true;      ///< Take a rate unit (false: this request has paid already).
  std::int64_t tokens = 0; ///< LLM tokens to reserve where tokens are limited.
  money_ask money{};       ///< To reserve where money is limited.
  hold_id ticket = 0;      ///< The id of a wait that has brought a permit; 0: none has.
  /// Under which a permit may be kept for it.
  [[nodiscard]] hold_id kept_as() const { return ticket != 0 ? ticket : id; }
};

/// How a hold ends.
struct gate_release {
  hold_id id = 0;
  outcome result = outcome::neutral;
  bool refund = false;      ///< The attempt never started: rate units go back.
  std::int64_t tokens = -1; ///< Really used; -1: unknown, the reserve stands.
  duration bench{};         ///< > 0: let nobody in for so long.
  std::int64_t money = -1;  ///< Really spent, in millionths; -1: unknown, the reserve stands.
};

/// What one borrower has of an actor's budget, as last told.
struct loan_view {
  std::string node;
  std::int64_t permits = 0; ///< Lent, in use or not.
  std::int64_t in_use = 0;
  std::int64_t units = 0;  ///< Rate units that are lent and not used.
  std::int64_t tokens = 0; ///< LLM tokens that are lent and not used, reserved or not.
};

struct gate_snapshot {
  std::int64_t permits_used = 0, permits_limit = -1; ///< -1: no limit.
  std::vector<loan_view> loans;
  std::int64_t waiting = 0, queue_size = 0;
  std::int64_t rate_available = -1, rate_limit = -1;
  std::int64_t tokens_used = -1, tokens_limit = -1;
  std::int64_t spent_today = 0, spent_month = 0, reserved = 0; ///< Money.
  std::optional<budget_settings> money;
  breaker_state breaker = breaker_state::closed;
  std::int64_t failures = 0;
  duration breaker_wait{};
  bool benched = false;
  std::int64_t admitted = 0, refused = 0, succeeded = 0, failed = 0; ///< Totals.
};

/// The gateway that made up an id.
[[nodiscard]] constexpr std::uint32_t gateway_of(hold_id id) {
  return static_cast<std::uint32_t>(id >> 40U);
}

/// No gateway has this one: it is for holds of lost ones of which no more is known than their
/// number.
inline constexpr std::uint32_t no_gateway = (1U << 24U) - 1;

class gate {
public:
  gate(const gate_settings& settings, time_point now);

  /// Takes permit, rate unit, tokens and breaker pass, or nothing. A ticket (see wait()) serves as
  /// the permit and is used up, also by a refusal.
  [[nodiscard]] gate_verdict admit(const gate_ask& ask, time_point now);
  /// Waits for a permit. @returns none if a permit was free: the ticket is held at once; saturated
  /// if it waits now (woken() will name it); queue_full; open or benched.
  [[nodiscard]] gate_verdict wait(const waiter& x, time_point now);
  /// Ends a hold, a ticket or a wait; an unknown id is none of these: a `failure` still counts.
  void release(const gate_release& x, time_point now);
  /// Waiters that hold a ticket since the last call; each must be told.
  [[nodiscard]] std::vector<hold_id> woken(time_point now);
  void apply(const gate_settings& settings, time_point now);
  [[nodiscard]] gate_memory save(time_point now) const;
  void load(const gate_memory& x, time_point now);
  /// Starts from what gateways know after the owner before was lost: `held` are their holds,
  /// `started` their starts (with LLM tokens as units). All else that the limits allow counts as
  /// spent.
  /// Of `breakers` the strictest goes on. `terms`: the leases that gateways go on with.
  void rebuild(const std::vector<hold_id>& held, const std::vector<spent_memory>& started,
               const std::vector<breaker_memory>& breakers, const std::vector<lease_term>& terms,
               time_point now);
  /// How long permits of lost borrowers are kept: as long as a call may last. At first 120 s.
  void set_grace(duration x) { grace_ = x; }
  /// Drops what holds of this gateway (upper bits of the ids, see gateway_of) have grown older than
  /// `grace` and are not among `known` (sorted).
  void reconcile(std::uint32_t gateway, const std::vector<hold_id>& known, duration grace,
                 time_point now);
  /// Ends holds that are older than `grace` and of no gateway in `present`.
  void drop_absent(const std::vector<std::uint32_t>& present, duration grace, time_point now);
  /// See breaker::let_probe.
  void let_probe(time_point now) { breaker_.let_probe(now); }

  // Leases (gate_lend.cpp).
  /// Takes what a borrower says it has and lends it more, if `allowed` and if nothing here forbids
  /// it. `grace`: how long the calls of a lost borrower may go on.
  [[nodiscard]] lease_terms lend(const lease_claim& x, bool allowed, duration grace,
                                 time_point now);
  /// Takes what a borrower gives back.
  void returned(const lease_claim& x, time_point now);
  /// The outcome of a call that a borrower started when the breaker's epoch was `epoch`.
  /// `cleared`: something succeeded there before it.
  void report_lent(std::uint64_t epoch, bool cleared, const gate_release& x, time_point now);
  /// Whether this would be refused only because others have what they do not use.
  [[nodiscard]] bool short_of_lent(const gate_ask& ask, time_point now);
  /// Whether what is lent must come back: nobody may start without asking.
  [[nodiscard]] bool wants_back(time_point now) const;
  /// Whom to ask to give back; lends nothing for a while.
  [[nodiscard]] std::vector<std::uint32_t> recall(time_point now);
  void expire_loans(time_point now);
  [[nodiscard]] bool lends_nothing() const { return book_.empty(); }
  /// Somebody may start without asking.
  [[nodiscard]] bool any_open() const { return book_.any_open(); }

  [[nodiscard]] gate_snapshot snapshot(time_point now) const;
  /// Zero if the breaker lets somebody in.
  [[nodiscard]] duration breaker_wait(time_point now) const;
  [[nodiscard]] bool benched(time_point now) const { return breaker_.benched(now); }
  [[nodiscard]] bool holds(hold_id id) const { return holds_.count(id) != 0; }

private:
  struct hold {
    bool ticket = false; // A permit kept for a waiter that was woken.
    bool charged = false;
    bool tokens = false;
    breaker_pass pass;
    time_point since{};
  };
  [[nodiscard]] bool permit_free() const;
  [[nodiscard]] std::int64_t permits_left() const;
  template <class Pred>
  void drop_older(duration grace, time_point now, Pred pred);
  void spend(const lost_loans& x, time_point now);
  bool take_claim(const lease_claim& x, time_point now, lease_terms& terms);

  gate_settings settings_;
  breaker breaker_;
  admission_queue queue_;
  std::optional<rate_limiter> rate_;
  std::optional<sliding_window> tokens_;
  std::optional<budget> money_;
  std::unordered_map<hold_id, hold> holds_;
  loan_book book_;
  duration grace_{std::chrono::seconds{120}};
  time_point lends_from_{}; // After a shortage it lends nothing for a while.
  std::int64_t admitted_ = 0, refused_ = 0, succeeded_ = 0, failed_ = 0;
};

} // namespace echelon::policy
