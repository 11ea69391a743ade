#include "engine/call.hpp"

#include "config/log.hpp"
#include "config/topology.hpp"
#include "engine/errors.hpp"
#include "engine/telemetry/call_spans.hpp"
#include "providers/json_text.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <utility>

namespace echelon::engine {

namespace asio = boost::asio;
using policy::clock;

namespace {

/// A guess at prompt plus answer in LLM tokens: four bytes a token, and the answer's ceiling.
call_tokens estimate_tokens(const providers::canonical_request& of) {
  constexpr std::int64_t usual = 256;
  if (const auto& plain = of.plain) {
    const auto bytes = static_cast<std::int64_t>(plain->messages_size);
    return {std::max<std::int64_t>(1, bytes / 4), plain->most_answer.value_or(usual)};
  }
  const auto& body = of.body();
  auto ceiling = usual;
  for (const char* key : {"max_completion_tokens", "max_tokens"}) {
    const auto i = body.find(key);
    if (i != body.end() && i->is_number_integer()) {
      ceiling = std::max<std::int64_t>(0, i->get<std::int64_t>());
      break;
    }
  }
  std::int64_t bytes = 0;
  for (const char* key : {"messages", "input", "tools"})
    if (const auto i = body.find(key); i != body.end())
      bytes += static_cast<std::int64_t>(providers::unescaped_size(*i));
  return {std::max<std::int64_t>(1, bytes / 4), ceiling};
}

} // namespace

namespace {

/// Tells of each attempt at another candidate than the one before, and what stood in its way.
void count_fallbacks(metrics& to, const std::vector<policy::step>& steps) {
  std::string_view cause;
  std::string_view failed; // Who it was.
  for (const auto& x : steps) {
    if (x.what == "failed" || x.what == "refused") {
      // What follows is of this request alone.
      cause = std::string_view{x.reason}.substr(0, x.reason.find_first_of(",:"));
      failed = x.what == "failed" ? x.actor : std::string_view{};
    } else if (x.what == "attempt") {
      if (!cause.empty() && x.actor != failed) to.fallback(cause);
      cause = {};
    }
  }
}

} // namespace

call::call(router& of, providers::transport& upstreams, recipient& to, call_request request,
           call_options options)
    : router_(of), upstreams_(upstreams), to_(to), request_(std::move(request)),
      options_(std::move(options)), config_(of.current()), started_(clock::now()),
      wall_(std::chrono::system_clock::now()) {}

/// Null with `error` if the target, or a fallback that the caller named, is not known.
std::shared_ptr<const policy::plan> call::plan(api_error& error) const {
  if (request_.node) return config::plan_of(*config_->config, *request_.node);
  std::string unknown;
  auto found =
      config::plan_for(*config_->topology, request_.target, options_.fallback_groups, unknown);
  if (!found)
    error = unknown.empty() ? unknown_target(request_.target, *config_->topology)
                            : unknown_fallback(unknown, *config_->topology);
  return found;
}

asio::awaitable<void> call::run() {
  final_error unknown;
  auto plan = this->plan(unknown.error);
  if (!plan) {
    co_await refuse(std::move(unknown));
    co_return;
  }
  policy::request_terms terms;
  auto limit = options_.timeout.value_or(plan->total_timeout);
  if (plan->own_timeout) limit = std::min(limit, plan->total_timeout);
  deadline_ = started_ + limit;
  terms.deadline = deadline_;
  terms.priority = options_.priority;
  const auto& budget = config_->config->fallback.retry_budget;
  router_.retries().begin(request_.target, budget, started_);
  terms.take_retry = [this, &budget](policy::time_point now) {
    return router_.retries().take(request_.target, budget, now);
  };
  estimate_ = estimate_tokens(request_.canonical);
  terms.tokens = estimate_.all();
  if (router_.hierarchy().clustered())
    terms.next_hold = [this] { return router_.hierarchy().new_hold(); };
  if (!options_.client.empty()) name_key(terms, *plan);
  const auto hold = router_.hierarchy().new_hold();
  dispatch_.emplace(std::move(plan), config_->topology, terms, hold, hold);
  to_.watch([this] {
    gone_ = true;
    if (timer_) timer_->cancel();
    for (const auto& x : running_)
      x->cancel();
  });
  std::exception_ptr broken;
  try {
    co_await drive(dispatch_->begin(clock::now()));
  } catch (...) {
    broken = std::current_exception();
  }
  to_.unwatch();
  if (gone_ || broken) {
    // A recipient that throws leaves its attempt behind.
    for (const auto& x : running_)
      note_attempt(*x, "client_gone");
    if (broken && answer_) account(*answer_);
    dispatch_->abandon(clock::now(), sent_);
    flush();
    to_.abandoned();
    finish(499, gone_ ? "client left" : "writing to the client failed");
  }
  if (broken && !gone_) std::rethrow_exception(broken);
}

/// The limits of the client's key, if it has any.
void call::name_key(policy::request_terms& to, const policy::plan& plan) const {
  const auto key = policy::id_of("key/" + options_.client);
  const auto* spec = config_->topology->find(key);
  if (spec == nullptr) return;
  to.key = key;
  auto* ledger = router_.ledger();
  if (!spec->gate.money || ledger == nullptr) return;
  const auto spent = ledger->spent(options_.client);
  const auto now = std::chrono::floor<std::chrono::milliseconds>(wall_).time_since_epoch();
  to.money = {dearest(*config_->config, plan, estimate_), now.count(), spent.day, spent.today,
              spent.month};
}

asio::awaitable<void> call::drive(policy::action next) {
  for (;;) {
    flush();
    if (gone_) co_return;
    if (auto* q = std::get_if<policy::ask_admission>(&next)) {
      sent_ = false;
      const auto answer = co_await ask(std::move(*q));
      next = dispatch_->on_admission(answer, clock::now());
    } else if (const auto* w = std::get_if<policy::wait_turn>(&next)) {
      const auto why = co_await wait_turn(*w);
      if (gone_) co_return;
      next = dispatch_->on_turn(why, clock::now());
    } else if (const auto* s = std::get_if<policy::sleep_until>(&next)) {
      co_await sleep(s->when);
      if (gone_) co_return;
      next = dispatch_->on_slept(clock::now());
    } else if (const auto* a = std::get_if<policy::start_attempt>(&next)) {
      const auto x = *a;
      next = co_await attempt(x);
    } else if (const auto* g = std::get_if<policy::give_up>(&next)) {
      co_await answer_failure(*g);
      co_return;
    } else {
      // The record first: whoever has the answer may ask for it.
      finish(200, "answered");
      if (request_.canonical.stream) {
        co_await to_.finish();
        co_return;
      }
      const auto about = report();
      co_await to_.answer(about, answer_->plain, answer_->plain_text);
      co_return;
    }
  }
}

void call::flush() {
  router_.hierarchy().tell(dispatch_->take_releases());
}

/// In a cluster an actor may be on its way to another node, or its node may be lost and not yet
/// replaced: what was taken is given back, and the question put again for a while.
asio::awaitable<policy::admission_answer> call::ask(policy::ask_admission x) {
  const auto limit = std::min(deadline_, clock::now() + router_.patience());
  for (auto pause = std::chrono::milliseconds{20};;) {
    auto answer = co_await ask_once(x);
    const bool again =
        answer.why == policy::refusal::unavailable && router_.hierarchy().clustered() && !gone_;
    if (!again || clock::now() + pause >= limit) co_return answer;
    router_.hierarchy().give_back(x, answer);
    const auto fresh = router_.hierarchy().new_hold();
    dispatch_->renew_hold(std::exchange(x.hold, fresh), fresh);
    flush();
    co_await sleep(clock::now() + pause);
    if (gone_) {
      answer.trail.clear();
      co_return answer;
    }
    pause = std::min(pause * 2, std::chrono::milliseconds{200});
  }
}

/// Whatever keeps an actor from answering, the caller hears by its deadline; what is granted after
/// that is given back.
asio::awaitable<policy::admission_answer> call::ask_once(const policy::ask_admission& x) {
  auto& tree = router_.hierarchy();
  auto start = [&](auto then) { tree.ask(x, std::move(then)); };
  auto late = [&] {
    return [&tree, x](const policy::admission_answer& y) { tree.give_back(x, y); };
  };
  const auto asked = clock::now();
  auto answer = co_await by_deadline<policy::admission_answer>(std::move(start), std::move(late));
  router_.counters().admission(std::chrono::duration<double>(clock::now() - asked).count());
  if (answer) co_return std::move(*answer);
  policy::admission_answer none;
  none.why = policy::refusal::unavailable;
  none.by = x.route.front();
  co_return none;
}

asio::awaitable<policy::refusal> call::wait_turn(const policy::wait_turn& x) {
  struct arrival {
    std::optional<policy::refusal> why;
    asio::steady_timer* timer;
  };
  auto executor = co_await asio::this_coro::executor;
  const auto state = std::make_shared<arrival>(arrival{std::nullopt, &timer()});
  timer().expires_at(x.who.deadline);
  const auto token = router_.hierarchy().wait(x, [executor, state](policy::refusal why) {
    asio::post(executor, [state, why] {
      state->why = why;
      if (state->timer != nullptr) state->timer->cancel();
    });
  });
  boost::system::error_code ignored;
  const auto begun = clock::now();
  if (!state->why) co_await timer().async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  state->timer = nullptr;
  if (!state->why) router_.hierarchy().forget(token);
  const auto why = state->why.value_or(policy::refusal::saturated);
  const auto actor = config_->topology->path(x.actor);
  const auto ended = why == policy::refusal::none ? "turn" : to_string(why);
  router_.counters().wait(actor, ended,
                          std::chrono::duration<double>(clock::now() - begun).count());
  if (auto* to = trace()) to->add(wait_span(*to, actor, begun, ended));
  co_return why;
}

asio::steady_timer& call::timer() {
  if (!timer_) timer_.emplace(to_.executor());
  return *timer_;
}

asio::awaitable<void> call::sleep(policy::time_point until) {
  boost::system::error_code ignored;
  timer().expires_at(until);
  co_await timer().async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

call_report call::report() const {
  return {options_.request_id, route_, dispatch_ ? dispatch_->attempts() : 0, dropped_};
}

asio::awaitable<void> call::refuse(final_error why) {
  if (options_.seen)
    options_.seen->facts.error = why.error.code.empty() ? why.error.type : why.error.code;
  finish(why.error.status, why.error.message);
  const auto about = report();
  co_await to_.fail(about, why);
}

asio::awaitable<void> call::answer_failure(const policy::give_up& x) {
  // Of a stream whose content the client has seen: it ends as an error, never as complete.
  const bool by_key = x.by != 0 && x.by == policy::id_of("key/" + options_.client);
  auto why = error_of(x, last_failure_, by_key ? "key/" + options_.client : request_.target);
  co_await refuse(std::move(why));
}

void call::finish(int status, std::string outcome) {
  decision_record x;
  x.id = options_.request_id;
  x.target = request_.target;
  x.route = route_;
  x.outcome = std::move(outcome);
  x.status = status;
  x.stream = request_.canonical.stream;
  x.at = wall_;
  x.started = started_;
  x.ended = clock::now();
  if (dispatch_) {
    x.attempts = dispatch_->attempts();
    x.queued = dispatch_->queued_for();
    x.steps = dispatch_->steps();
  }
  const auto seconds = std::chrono::duration<double>(x.ended - x.started).count();
  const auto queued = std::chrono::duration<double>(x.queued).count();
  // Unknown targets share one label: clients must not be able to grow the metrics.
  count_fallbacks(router_.counters(), x.steps);
  router_.counters().request(dispatch_ ? x.target : "unknown", status, seconds, queued);
  log().info("request {} target {} route {} status {} attempts {} in {:.1f} ms{}", x.id,
             dispatch_ ? x.target : "unknown", x.route.empty() ? "-" : x.route, status, x.attempts,
             seconds * 1000, queued > 0 ? fmt::format(" queued {:.1f} ms", queued * 1000) : "");
  if (router_.events().heard()) router_.events().publish("request", summary_json(x));
  tell(x);
  router_.records().add(std::move(x));
}

void call::tell(const decision_record& x) {
  if (!options_.seen) return;
  auto& to = options_.seen->facts;
  to.id = x.id;
  to.target = x.target;
  to.route = x.route;
  to.outcome = x.outcome;
  to.status = x.status;
  to.stream = x.stream;
  to.attempts = x.attempts;
  to.queued = x.queued;
  if (trace() != nullptr) to.steps = x.steps;
}

} // namespace echelon::engine
