#include "engine/health_checks.hpp"

#include "config/log.hpp"
#include "engine/attempt.hpp"
#include "engine/await_answer.hpp"
#include "engine/state.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <map>
#include <memory>
#include <set>

namespace echelon::engine {

namespace asio = boost::asio;
using policy::clock;
using policy::path_id;

namespace {

using member_key = std::pair<path_id, path_id>; // Pool and member.

/// Members that are being asked now.
using busy_members = std::shared_ptr<std::set<member_key>>;

providers::canonical_request ping() {
  providers::canonical_request x;
  x.tree = {{"messages", {{{"role", "user"}, {"content", "ping"}}}}, {"max_tokens", 1}};
  return x;
}

/// What a check has shown. Unknown: we could not ask, for want of a descriptor or the like.
enum class verdict { alive, dead, unknown };

/// The model is there with any answer, or a refusal that is about this request alone.
verdict verdict_of(const upstream_attempt& x) {
  if (!x.failure()) return verdict::alive;
  if (x.failure()->kind == policy::failure_class::router_exhausted) return verdict::unknown;
  const auto rule = policy::rule_of(x.failure()->kind);
  return !rule.counts && !rule.bench && !rule.retry_here && x.failure()->status != 0
             ? verdict::alive
             : verdict::dead;
}

asio::awaitable<verdict> ask_model(router& of, const snapshot& config, const policy::stage& stage,
                                   const policy::stage_model& model,
                                   providers::transport& upstreams) {
  constexpr policy::duration most = std::chrono::seconds{10};
  const auto request = ping();
  attempt_terms terms{*config.config,
                      request,
                      {},
                      model.name,
                      of.keys(),
                      {},
                      std::min(stage.timeout, most),
                      clock::now() + most,
                      std::chrono::system_clock::now()};
  upstream_attempt x{std::move(terms), upstreams};
  co_await x.begin();
  co_return verdict_of(x);
}

asio::awaitable<void> ask_member(router& of, std::shared_ptr<const snapshot> config,
                                 std::shared_ptr<const policy::plan> plan, path_id member,
                                 providers::transport& upstreams, busy_members busy) {
  auto& actors = of.hierarchy();
  auto found = verdict::dead;
  for (const auto& stage : plan->stages) {
    if (stage.pool_member != member) continue;
    for (const auto& model : stage.models) {
      const auto here = co_await ask_model(of, *config, stage, model, upstreams);
      if (here != verdict::dead) found = here;
      if (here != verdict::alive) continue;
      for (const auto id : {model.id, stage.tier, stage.group})
        actors.tell_health(id, 0, true);
      break;
    }
    if (found == verdict::alive) break;
  }
  if (found == verdict::unknown) {
    // The member is as it was, and asked again after the next interval.
    busy->erase({plan->pool, member});
    co_return;
  }
  const bool healthy = found == verdict::alive;
  actors.tell_health(plan->pool, member, healthy);
  of.counters().health_check(plan->target, healthy);
  log().info("pool {} member {}: health check {}", plan->target, config->topology->path(member),
             healthy ? "answered, it is back" : "failed, it stays out");
  busy->erase({plan->pool, member});
}

} // namespace

asio::awaitable<void> check_health(router& of, providers::transport& upstreams,
                                   std::shared_ptr<asio::steady_timer> tick) {
  constexpr policy::duration step = std::chrono::milliseconds{250}; // A reload is seen so late.
  auto executor = co_await asio::this_coro::executor;
  const auto busy = std::make_shared<std::set<member_key>>();
  std::map<path_id, policy::time_point> due;
  asio::steady_timer limit{executor};
  for (;;) {
    const auto config = of.current();
    auto now = clock::now();
    auto next = now + step;
    for (const auto& pool : config->config->pools) {
      if (pool.health_check_interval <= policy::duration::zero() || of.draining) continue;
      const auto plan = config->topology->targets.at(pool.name);
      const auto [at, fresh] = due.try_emplace(plan->pool, now + pool.health_check_interval);
      // A shorter interval after a reload counts at once.
      at->second = std::min(at->second, now + pool.health_check_interval);
      if (now < at->second) {
        next = std::min(next, at->second);
        continue;
      }
      at->second = now + pool.health_check_interval;
      next = std::min(next, at->second);
      auto start = [&of, id = plan->pool](auto then) { of.hierarchy().state(id, std::move(then)); };
      auto own_timer = [&limit]() -> asio::steady_timer& { return limit; };
      auto never = [] { return false; };
      auto late = [] { return [](const std::optional<messages::actor_state>&) {}; };
      const auto state = co_await answer_by<std::optional<messages::actor_state>>(
          now + time_for_state, std::move(own_timer), std::move(never), std::move(start),
          std::move(late));
      if (!state || !*state) continue;
      for (const auto& member : (*state)->members) {
        if (!member.ejected || !busy->insert({plan->pool, member.id}).second) continue;
        auto ended = [](const std::exception_ptr&) {};
        asio::co_spawn(executor, ask_member(of, config, plan, member.id, upstreams, busy),
                       std::move(ended));
      }
    }
    boost::system::error_code error;
    tick->expires_at(next);
    co_await tick->async_wait(asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return;
  }
}

} // namespace echelon::engine
