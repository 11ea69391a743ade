// Fallback by cause, retry budgets, slow start and active checks, in virtual time.
#include "world.hpp"

#include "policy/retry_budget.hpp"

#include <catch2/catch.hpp>

namespace echelon::test {
namespace {

using namespace policy;
using hits = std::vector<std::string>;

config::RouterConfig windows() {
  config::RouterConfig x;
  add_group(x, "g", {tier("t1", {"a-1", "a-2"}, 1), tier("t2", {"b-1"}), tier("t3", {"c-1"})});
  x.models["a-1"].context_window = 8000;
  x.models["a-2"].context_window = 8000;
  x.models["b-1"].context_window = 4000;
  x.models["c-1"].context_window = 128'000;
  return x;
}

TEST_CASE("without on_context_overflow a prompt that is too long goes nowhere else", "[cause]") {
  world w{windows()};
  w.script["a-1"] = {{failure_class::context_overflow}};
  const auto end = w.call("g");
  CHECK_FALSE(end.ok);
  CHECK(end.hits == hits{"a-1"});
}

TEST_CASE("on_context_overflow: next goes on to a model whose window is larger, past the others",
          "[cause]") {
  auto config = windows();
  config.groups[0].on_context_overflow.next = true;
  world w{config};
  w.script["a-1"] = {{failure_class::context_overflow}};
  const auto end = w.call("g");
  CHECK(end.ok);
  CHECK(end.hits == hits{"a-1", "c-1"});
  CHECK(w.held() == 0);
  // An unknown window may be larger.
  config.models["a-2"].context_window.reset();
  world unknown{config};
  unknown.script["a-1"] = {{failure_class::context_overflow}};
  CHECK(unknown.call("g").hits == hits{"a-1", "a-2"});
}

TEST_CASE("on_content_policy names where such requests go, and only there", "[cause]") {
  auto config = windows();
  add_group(config, "lax", {tier("t1", {"d-1"}), tier("t2", {"e-1"})});
  config.groups[0].on_content_policy.groups = {{"lax", {}}};
  world w{config};
  w.script["a-1"] = {{failure_class::content_policy}};
  auto end = w.call("g");
  CHECK(end.ok);
  CHECK(end.route == "lax.t1/d-1");
  CHECK(end.hits == hits{"a-1", "d-1"});
  // A failure there stays there.
  w.script["d-1"] = {{failure_class::server_error}};
  w.script["e-1"] = {{failure_class::server_error}};
  w.script["a-2"] = {{failure_class::content_policy}};
  end = w.call("g");
  CHECK_FALSE(end.ok);
  CHECK(end.hits == hits{"a-2", "d-1", "e-1"});
  CHECK(w.held() == 0);
  // Nobody gets there for another reason.
  world other{config};
  for (const auto* name : {"a-1", "a-2", "b-1", "c-1"})
    other.script[name] = {{failure_class::server_error}};
  end = other.call("g");
  CHECK(end.hits == hits{"a-1", "a-2", "b-1", "c-1"});
}

TEST_CASE("causes that lead in a ring end", "[cause]") {
  config::RouterConfig config;
  add_group(config, "g", {tier("t1", {"a-1"})}).on_context_overflow.groups = {{"h", {}}};
  add_group(config, "h", {tier("t1", {"b-1"})}).on_context_overflow.groups = {{"g", {}}};
  world w{config};
  w.script["a-1"] = w.script["b-1"] = {{failure_class::context_overflow}};
  const auto end = w.call("g");
  CHECK_FALSE(end.ok);
  CHECK(end.hits == hits{"a-1", "b-1"});
  CHECK(w.held() == 0);
}

TEST_CASE("a move by cause counts as a move, and needs fallback to be enabled", "[cause]") {
  auto config = windows();
  config.groups[0].on_context_overflow.next = true;
  config.fallback.enabled = false;
  world w{config};
  w.script["a-1"] = {{failure_class::context_overflow}};
  CHECK(w.call("g").hits == hits{"a-1"});
}

TEST_CASE("in an outage retries at the same model stay within the budget of their target",
          "[budget]") {
  config::RouterConfig config;
  add_group(config, "g", {tier("t1", {"a-1"}, 3)}).breaker = {100'000, 2s, 1};
  world w{config};
  w.script["a-1"] = {{failure_class::server_error}};
  retry_budget budget{{20, 20}};
  w.take_retry = [&](time_point now) { return budget.take(now); };
  std::size_t attempts = 0;
  constexpr std::size_t requests = 1000;
  for (std::size_t i = 0; i < requests; ++i) {
    budget.begin(w.now);
    attempts += w.call("g").hits.size();
  }
  // A fifth more than without retries; with max_retries alone it would be four times as many.
  CHECK(attempts == requests + requests / 5);
}

TEST_CASE("a model that comes back gets a growing part of its turns", "[slow-start]") {
  config::RouterConfig config;
  auto& group = add_group(config, "g", {tier("t1", {"a-1", "b-1"}, 1)});
  group.breaker = {1, 2s, 1};
  group.slow_start = 10s;
  world w{config};
  w.script["a-1"] = {{failure_class::server_error}, {}};
  CHECK(w.call("g").hits == hits{"a-1", "b-1"}); // Open for 2 s.
  w.call("g");
  w.now += 2s;
  const auto share = [&](int requests) {
    int first = 0;
    for (int i = 0; i < requests; ++i)
      if (w.call("g").hits.front() == "a-1") ++first;
    return first;
  };
  // Its probe, and then a tenth of its half.
  const auto early = share(100);
  CHECK(early >= 5);
  CHECK(early <= 8);
  w.now += 10s;
  CHECK(share(100) == 50);
}

TEST_CASE("an active check takes an ejected member back, or keeps it out", "[health]") {
  config::RouterConfig config;
  add_group(config, "g", {tier("t1", {"a-1"})}).breaker = {1, 60s, 1};
  add_group(config, "h", {tier("t1", {"b-1"})});
  config::pool_config pool;
  pool.name = "p";
  pool.members = {{"g", {}}, {"h", {}}};
  pool.weights = {1, 1};
  pool.failure_threshold = 1;
  pool.recovery_time = 5s;
  pool.slow_start = 0s;
  config.pools.push_back(pool);
  world w{config};
  w.script["a-1"] = {{failure_class::server_error}, {}};
  CHECK(w.call("p").hits == hits{"a-1", "b-1"});
  const auto ejected = [&] { return w.state("pool/p").members.front().ejected; };
  REQUIRE(ejected());
  // Found down again after 4 s: out for another 5 s.
  w.now += 4s;
  w.actor("pool/p").health({0, id_of("group/g"), false}, w.now);
  w.now += 4s;
  CHECK(ejected());
  // Found well: back at once, and what is open below lets a probe through.
  w.actor("pool/p").health({0, id_of("group/g"), true}, w.now);
  for (const auto* path : {"group/g", "echelon/g.t1", "model/a-1"})
    w.actor(path).health({0, 0, true}, w.now);
  CHECK_FALSE(ejected());
  hits served;
  for (int i = 0; i < 2; ++i)
    for (const auto& x : w.call("p").hits)
      served.push_back(x);
  std::sort(served.begin(), served.end());
  CHECK(served == hits{"a-1", "b-1"});
}

TEST_CASE("a check of a member that is in changes nothing", "[health]") {
  config::RouterConfig config;
  add_group(config, "g", {tier("t1", {"a-1"})}).breaker = {2, 60s, 1};
  world w{config};
  w.script["a-1"] = {{failure_class::server_error}};
  w.call("g");
  w.actor("model/a-1").health({0, 0, true}, w.now);
  w.actor("model/a-1").health({0, 0, false}, w.now);
  CHECK(w.state("model/a-1").failures == 1);
  CHECK(w.state("model/a-1").breaker == "closed");
}

} // namespace
} // namespace echelon::test
