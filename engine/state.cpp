#include "engine/state.hpp"

#include "engine/await_answer.hpp"

#include <nlohmann/json.hpp>

namespace echelon::engine {

namespace asio = boost::asio;
using nlohmann::json;

namespace {

json or_null(std::int64_t x) {
  return x < 0 ? json() : json(x);
}

/// What other nodes have of its limits; null: it has no such limit.
json lent_json(const messages::actor_state& x) {
  json lent = json::array();
  for (const auto& l : x.loans)
    lent.push_back({{"node", l.node},
                    {"permits", x.permits_limit < 0 ? json() : json(l.permits)},
                    {"in_use", l.in_use},
                    {"units", x.rate_limit < 0 ? json() : json(l.units)},
                    {"tokens", x.tokens_limit < 0 ? json() : json(l.tokens)}});
  return lent;
}

/// Money; null: not limited.
json budget_json(const messages::actor_state& x) {
  const auto money = [](std::int64_t n) { return static_cast<double>(n) / 1e6; };
  const auto most = [&](std::int64_t n) { return n == 0 ? json() : json(money(n)); };
  return {{"spent_today", money(x.spent_today)},
          {"spent_this_month", money(x.spent_month)},
          {"reserved", money(x.reserved)},
          {"daily", most(x.daily_budget)},
          {"monthly", most(x.monthly_budget)}};
}

json actor_json(const messages::actor_state& x, const policy::topology& topology) {
  json members = json::array();
  for (const auto& m : x.members)
    members.push_back({{"member", topology.path(m.id)}, {"ejected", m.ejected}});
  json actor{
      {"path", x.path},
      {"level", x.level},
      {"node", x.node.empty() ? json("local") : json(x.node)},
      {"permits", {{"used", x.permits_used}, {"limit", or_null(x.permits_limit)}}},
      {"queue", {{"length", x.waiting}, {"size", x.queue_size}}},
      {"limiter", {{"available", or_null(x.rate_available)}, {"limit", or_null(x.rate_limit)}}},
      {"tokens", {{"used", or_null(x.tokens_used)}, {"limit", or_null(x.tokens_limit)}}},
      {"breaker",
       {{"state", x.breaker},
        {"failures", x.failures},
        {"benched", x.benched},
        {"closed_for_ms", x.closed_for_ns / 1'000'000}}},
      {"totals",
       {{"admitted", x.admitted},
        {"refused", x.refused},
        {"succeeded", x.succeeded},
        {"failed", x.failed}}},
      {"restarts", x.restarts}};
  if (x.daily_budget > 0 || x.monthly_budget > 0) actor["budget"] = budget_json(x);
  if (!x.members.empty()) actor["members"] = std::move(members);
  if (!x.loans.empty()) actor["lent"] = lent_json(x);
  return actor;
}

json supervision_json(const actors::supervision_totals& x) {
  return {{"restarts", x.restarts},
          {"escalations", x.escalations},
          {"supervisors", x.supervisors},
          {"down", x.down},
          {"failed", x.failed}};
}

json cluster_json(const cluster::node& node) {
  const auto x = node.status();
  json members = json::array();
  for (const auto& m : x.view.members)
    members.push_back({{"node", m.node},
                       {"address", m.address},
                       {"heard", x.heard.count(m.node) != 0},
                       {"same_config", x.differing.count(m.node) == 0},
                       {"self", m == x.self}});
  return {{"node", x.self.node},
          {"address", x.self.address},
          {"membership", x.membership},
          {"partition", x.partition},
          {"share", std::to_string(x.share) + "/" + std::to_string(x.share_of)},
          {"epoch", x.view.epoch},
          {"quorum_of", x.view.size},
          {"acts", x.acts},
          {"members", std::move(members)}};
}

} // namespace

asio::awaitable<std::vector<messages::actor_state>> actor_states(router& of) {
  asio::steady_timer limit{co_await asio::this_coro::executor};
  auto start = [&](auto then) {
    auto enough = of.hierarchy().states(std::move(then));
    limit.expires_after(time_for_state);
    limit.async_wait([enough = std::move(enough)](const boost::system::error_code& cancelled) {
      if (!cancelled) enough();
    });
  };
  co_return co_await answer_of<std::vector<messages::actor_state>>(std::move(start));
}

json state_json(router& of, const std::vector<messages::actor_state>& found) {
  const auto now = of.current();
  json actors = json::array();
  for (const auto& x : found)
    actors.push_back(actor_json(x, *now->topology));
  json body{{"version", ECHELON_VERSION},
            {"config_version", now->version},
            {"draining", of.draining.load()},
            {"chaos", of.chaos},
            {"supervision", supervision_json(of.hierarchy().supervision())},
            {"requests_in_flight", of.in_flight.load()},
            {"actors", std::move(actors)}};
  if (of.node() != nullptr) {
    const auto n = of.hierarchy().admissions();
    body["cluster"] = cluster_json(*of.node());
    body["cluster"]["admissions"] = {{"own", n.own}, {"leased", n.leased}, {"remote", n.remote}};
  }
  return body;
}

} // namespace echelon::engine
