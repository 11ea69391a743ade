/// One client request on its way: carries out what policy::dispatch decides.
#pragma once

#include "engine/attempt.hpp"
#include "engine/await_answer.hpp"
#include "engine/recipient.hpp"
#include "engine/router.hpp"
#include "engine/spending.hpp"
#include "engine/telemetry/observation.hpp"
#include "providers/transport.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <optional>
#include <string>

namespace echelon::engine {

/// What is asked for.
struct call_request {
  std::string target; ///< A node, pool, group, tier or model.
  providers::canonical_request canonical;
  /// In place of a workflow node of the configuration; `target` is a name for it then.
  std::optional<config::node_config> node{};
};

/// How it is to be served.
struct call_options {
  std::string request_id;
  std::vector<std::string> fallback_groups;
  std::uint8_t priority = 5;
  std::optional<policy::duration> timeout;
  std::string client_key;      ///< What the client presented; secret.
  std::string client;          ///< Name of its key; empty: none is asked for.
  observation* seen = nullptr; ///< Told what the call does, as it does it; null: nobody asks.
};

/// Serves `request` to its end: the whole answer, stream or error has been taken when run()
/// returns. Belongs to one reactor thread.
class call {
public:
  call(router& of, providers::transport& upstreams, recipient& to, call_request request,
       call_options options);
  /// Throws boost::system::system_error only if the recipient does; all is given back then.
  boost::asio::awaitable<void> run();

private:
  using attempt_ptr = std::shared_ptr<upstream_attempt>;

  boost::asio::awaitable<void> drive(policy::action next);
  boost::asio::awaitable<policy::admission_answer> ask(policy::ask_admission x);
  boost::asio::awaitable<policy::admission_answer> ask_once(const policy::ask_admission& x);
  boost::asio::awaitable<policy::refusal> wait_turn(const policy::wait_turn& x);
  boost::asio::awaitable<void> sleep(policy::time_point until);
  boost::asio::steady_timer& timer();
  /// answer_by() for as long as the call has: until its deadline, or until its client leaves.
  template <class Result, class Start, class Late>
  boost::asio::awaitable<std::optional<Result>> by_deadline(Start start, Late late) {
    auto own_timer = [this]() -> boost::asio::steady_timer& { return timer(); };
    auto left = [this] { return gone_; };
    return answer_by<Result>(deadline_, std::move(own_timer), std::move(left), std::move(start),
                             std::move(late));
  }
  boost::asio::awaitable<policy::action> attempt(const policy::start_attempt& x);
  // One attempt, or two of which the first to begin wins (call_attempt.cpp).
  attempt_ptr prepare(const policy::start_attempt& x);
  boost::asio::awaitable<attempt_ptr> first_to_begin(attempt_ptr first,
                                                     const policy::start_attempt& x);
  boost::asio::awaitable<attempt_ptr> hedge(attempt_ptr first);
  boost::asio::awaitable<attempt_ptr> decide(attempt_ptr first, attempt_ptr second);
  boost::asio::awaitable<void> launch(attempt_ptr x);
  boost::asio::awaitable<void> wait_for(const attempt_ptr& a, const attempt_ptr& b,
                                        policy::time_point until);
  boost::asio::awaitable<void> end(attempt_ptr loser);
  boost::asio::awaitable<void> pass_on(upstream_attempt& from);
  boost::asio::awaitable<policy::duration> tell_failure(const policy::attempt_result& x,
                                                        bool of_hedge);
  void note_attempt(const upstream_attempt& x, std::string_view outcome);
  void account(const upstream_attempt& x);
  void note_usage(const upstream_attempt& x, std::int64_t cost);
  boost::asio::awaitable<void> refuse(final_error why);
  boost::asio::awaitable<void> answer_failure(const policy::give_up& x);
  void name_key(policy::request_terms& to, const policy::plan& plan) const;
  void flush();
  void finish(int status, std::string outcome);
  void tell(const decision_record& x);
  [[nodiscard]] request_trace* trace() {
    return options_.seen ? options_.seen->recorded() : nullptr;
  }
  call_report report() const;
  std::shared_ptr<const policy::plan> plan(api_error& error) const;
  config::tier_parameters parameters(const policy::start_attempt& x) const;

  router& router_;
  providers::transport& upstreams_;
  recipient& to_;
  call_request request_;
  call_options options_;
  std::shared_ptr<const snapshot> config_;
  std::optional<policy::dispatch> dispatch_;
  std::optional<boost::asio::steady_timer> timer_; // Of who waits; most calls never do.
  std::vector<attempt_ptr> running_;
  policy::time_point started_, deadline_;
  std::chrono::system_clock::time_point wall_;
  std::string route_;
  std::vector<std::string> dropped_;
  std::optional<providers::upstream_failure> last_failure_;
  attempt_ptr answer_;      // The attempt whose answer the client gets.
  std::uint32_t spans_ = 0; // Of attempts, so far.
  call_tokens estimate_;
  const upstream_attempt* accounted_ = nullptr; // The attempt that was paid for last.
  bool gone_ = false;
  bool sent_ = false; // The attempt that was granted last has begun.
};

} // namespace echelon::engine
