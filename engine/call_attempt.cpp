// The attempts of a call: one, or two of which the first to begin wins, and what the client sees.
#include "engine/call.hpp"

#include "config/log.hpp"
#include "engine/telemetry/call_spans.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace echelon::engine {

namespace asio = boost::asio;
using policy::clock;

config::tier_parameters call::parameters(const policy::start_attempt& x) const {
  config::tier_parameters merged;
  const auto* tier = config_->config->tier({x.group, x.tier});
  if (!x.group.empty() && tier != nullptr) merged = tier->parameters;
  const auto* node = request_.node ? &*request_.node : config_->config->node(request_.target);
  if (node != nullptr) {
    const auto& own = node->parameters;
    if (own.temperature) merged.temperature = own.temperature;
    if (!own.response_format.empty()) merged.response_format = own.response_format;
    if (!own.function_calling.empty()) merged.function_calling = own.function_calling;
    if (own.thinking) merged.thinking = own.thinking;
  }
  return merged;
}

call::attempt_ptr call::prepare(const policy::start_attempt& x) {
  attempt_terms terms{*config_->config, request_.canonical, parameters(x),
                      x.model,          router_.keys(),     options_.client_key,
                      x.timeout,        deadline_,          wall_};
  terms.label = x.label == x.model ? x.model : x.label + '/' + x.model;
  if (options_.seen && options_.seen->trace) {
    const auto id = new_span_id();
    terms.headers = options_.seen->trace->headers(id);
    if (trace() != nullptr) terms.span_id = id;
  }
  return std::make_shared<upstream_attempt>(std::move(terms), upstreams_);
}

void call::note_attempt(const upstream_attempt& x, std::string_view outcome) {
  router_.counters().attempt(x.model(), outcome, x.seconds());
  if (auto* to = trace()) to->add(attempt_span(*to, x, outcome, ++spans_));
  if (!x.failure() || gone_) return;
  log().warn("request {} attempt {} failed: {} status {}: {}", options_.request_id, x.label(),
             outcome, x.failure()->status, x.failure()->message);
}

/// What the attempt cost: by the usage that the upstream told, or by our guess where it told none
/// and has answered, or may have before the client left. On disk before the client's last byte.
void call::account(const upstream_attempt& x) {
  if (std::exchange(accounted_, &x) == &x || !(x.begun() || gone_)) return;
  const auto& usage = x.usage();
  const auto used = usage ? call_tokens{usage->prompt_tokens, usage->completion_tokens} : estimate_;
  const auto cost = cost_of(*config_->config, x.model(), used);
  dispatch_->spend(cost);
  if (!gone_) note_usage(x, cost);
  auto* ledger = router_.ledger();
  if (ledger == nullptr) return;
  const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  ledger->add({accounts::new_record_id(), now.time_since_epoch().count(), options_.client,
               request_.target, x.model(), used.prompt, used.answer, cost, !usage});
}

/// Of the attempt whose answer the client gets. `cost` is in millionths.
void call::note_usage(const upstream_attempt& x, std::int64_t cost) {
  auto* const facts = options_.seen ? &options_.seen->facts : nullptr;
  const auto* model = config_->config->model(x.model());
  if (facts) {
    facts->model = x.model();
    if (model != nullptr) facts->provider = model->provider;
    facts->usage = x.usage();
  }
  const auto& usage = x.usage();
  if (!usage) return;
  router_.counters().tokens(x.model(), usage->prompt_tokens, usage->completion_tokens);
  if (model == nullptr) return;
  const auto money = static_cast<double>(cost) / 1e6;
  router_.counters().cost(model->name, money);
  if (facts) facts->cost = money;
}

asio::awaitable<policy::action> call::attempt(const policy::start_attempt& x) {
  auto first = prepare(x);
  route_ = first->label();
  sent_ = true;
  answer_ = co_await first_to_begin(std::move(first), x);
  route_ = answer_->label();
  dropped_ = answer_->dropped();
  if (answer_->begun() && !gone_) {
    if (request_.canonical.stream) {
      running_ = {answer_};
      co_await pass_on(*answer_);
      running_.clear();
    }
  }
  account(*answer_);
  if (gone_) {
    note_attempt(*answer_, "client_gone");
    co_return policy::done{};
  }
  auto result = answer_->result(to_.begun());
  note_attempt(*answer_, answer_->failure() ? to_string(result.kind) : "ok");
  if (!answer_->failure()) co_return dispatch_->on_success(result.tokens, clock::now());
  last_failure_ = answer_->failure();
  result.model_closed_for = co_await tell_failure(result, false);
  co_return dispatch_->on_failure(result, clock::now());
}

asio::awaitable<policy::duration> call::tell_failure(const policy::attempt_result& x,
                                                     bool of_hedge) {
  const auto release = dispatch_->failure_release(x.kind, x.retry_after, x.tokens, of_hedge);
  auto start = [&](auto then) { router_.hierarchy().tell(release, std::move(then)); };
  auto late = [] { return [](policy::duration) {}; };
  const auto closed = co_await by_deadline<policy::duration>(std::move(start), std::move(late));
  co_return closed.value_or(policy::duration::zero());
}

/// The attempt whose answer has begun, or the last that failed; no other one runs any more.
asio::awaitable<call::attempt_ptr> call::first_to_begin(attempt_ptr first,
                                                        const policy::start_attempt& x) {
  running_ = {first};
  auto winner = first;
  if (!x.hedge_after) {
    co_await first->begin();
  } else {
    co_await launch(first);
    const auto late = clock::now() + *x.hedge_after;
    co_await wait_for(first, nullptr, late);
    attempt_ptr second;
    if (!first->done() && !gone_) second = co_await hedge(first);
    if (second) {
      winner = co_await decide(first, second);
    } else {
      co_await wait_for(first, nullptr, policy::time_point::max());
    }
  }
  running_.clear();
  co_return winner;
}

/// The second attempt, running; null if nobody grants it.
asio::awaitable<call::attempt_ptr> call::hedge(attempt_ptr first) {
  auto question = dispatch_->ask_hedge(router_.hierarchy().new_hold(), clock::now());
  if (!question) co_return nullptr;
  const auto answer = co_await ask(std::move(*question));
  const auto started = dispatch_->on_hedge_admission(answer, clock::now());
  flush();
  if (!started) co_return nullptr;
  if (first->begun() || gone_) {
    // Too late: the first one has begun, or the client has left.
    dispatch_->hedge_lost(clock::now(), false);
    flush();
    co_return nullptr;
  }
  auto second = prepare(*started);
  co_await launch(second);
  co_return second;
}

asio::awaitable<call::attempt_ptr> call::decide(attempt_ptr first, attempt_ptr second) {
  for (;;) {
    co_await wait_for(first, second, policy::time_point::max());
    if (gone_) {
      co_await end(second);
      co_await end(first);
      note_attempt(*second, "client_gone");
      co_return first;
    }
    if (first->done()) {
      const auto result = first->result(false);
      if (first->begun() || !policy::rule_of(result.kind).move_on) {
        dispatch_->hedge_lost(clock::now());
        flush();
        co_await end(second);
        note_attempt(*second, "hedge_lost");
        co_return first;
      }
      auto told = result;
      told.model_closed_for = co_await tell_failure(result, false);
      note_attempt(*first, to_string(result.kind));
      last_failure_ = first->failure();
      dispatch_->hand_over(told, clock::now());
      flush();
      co_await wait_for(second, nullptr, policy::time_point::max());
      co_return second;
    }
    if (second->begun()) {
      dispatch_->hedge_won(clock::now());
      flush();
      co_await end(first);
      note_attempt(*first, "hedge_lost");
      co_return second;
    }
    auto told = second->result(false);
    told.model_closed_for = co_await tell_failure(told, true);
    note_attempt(*second, to_string(told.kind));
    dispatch_->on_hedge_failure(told, clock::now());
    flush();
    co_await wait_for(first, nullptr, policy::time_point::max());
    co_return first;
  }
}

/// Runs beside us; our timer wakes when its answer has begun or it failed.
asio::awaitable<void> call::launch(attempt_ptr x) {
  running_.push_back(x);
  auto executor = co_await asio::this_coro::executor;
  // Whoever launches waits until it is done: `this` lives as long.
  auto ended = [this, x](const std::exception_ptr&) { timer().cancel(); };
  asio::co_spawn(executor, x->begin(), std::move(ended));
}

/// Until one of the two is done, or `until`. A client that leaves cancels both: it ends then too.
asio::awaitable<void> call::wait_for(const attempt_ptr& a, const attempt_ptr& b,
                                     policy::time_point until) {
  while (!a->done() && !(b && b->done()) && clock::now() < until)
    co_await sleep(until);
}

asio::awaitable<void> call::end(attempt_ptr loser) {
  loser->cancel();
  co_await wait_for(loser, nullptr, policy::time_point::max());
}

/// A stream that has begun, to its end or its failure, of which drive() tells.
asio::awaitable<void> call::pass_on(upstream_attempt& from) {
  router_.counters().first_content(from.model(), from.seconds());
  if (options_.seen) options_.seen->facts.first_content = clock::now() - started_;
  const auto about = report();
  co_await to_.begin(about, from.chunks);
  while (!from.finished() && !from.failure() && !gone_) {
    const auto chunks = co_await from.more();
    if (!chunks.empty()) co_await to_.pass(chunks);
  }
}

} // namespace echelon::engine
