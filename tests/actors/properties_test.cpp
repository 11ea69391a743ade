// What must hold for every configuration, load and failure: checked over random ones in virtual
// time.
#include "crowd.hpp"

#include "world.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>

namespace echelon::test {
namespace {

using namespace policy;
using config::RouterConfig;

class dice {
public:
  explicit dice(std::uint64_t seed) : random_(seed) {}
  std::uint32_t up_to(std::uint32_t most) {
    return std::uniform_int_distribution<std::uint32_t>{0, most}(random_);
  }
  bool one_in(std::uint32_t n) { return up_to(n - 1) == 0; }
  duration milliseconds(std::uint32_t least, std::uint32_t most) {
    return std::chrono::milliseconds{least + up_to(most - least)};
  }
  std::mt19937_64& engine() { return random_; }

private:
  std::mt19937_64 random_;
};

config::cause_fallback random_cause(dice& d) {
  config::cause_fallback x;
  if (d.one_in(3)) x.next = true;
  if (d.one_in(3)) x.groups = {{"g" + std::to_string(d.up_to(1)), "t0"}};
  return x;
}

rate_settings random_rate(dice& d) {
  if (d.one_in(2)) return token_bucket_settings{1 + d.up_to(20), 1'000'000 * (1 + d.up_to(9))};
  return sliding_window_settings{d.milliseconds(200, 4000), 1 + d.up_to(30)};
}

RouterConfig random_config(dice& d) {
  RouterConfig x;
  const std::vector<std::string> names{"a-1", "a-2", "b-1", "b-2", "c-1"};
  for (std::uint32_t g = 0; g < 2; ++g) {
    std::vector<config::tier_config> tiers;
    const auto count = 1 + d.up_to(2);
    for (std::uint32_t t = 0; t < count; ++t) {
      auto models = names;
      std::shuffle(models.begin(), models.end(), d.engine());
      models.resize(1 + d.up_to(2));
      auto one = tier("t" + std::to_string(t), models, d.up_to(3));
      one.timeout = d.milliseconds(100, 2000);
      if (d.one_in(2)) one.concurrency_limit = 1 + d.up_to(5);
      if (d.one_in(2)) one.rpm_limit = 5 + d.up_to(40);
      if (d.one_in(3)) one.hedge_after = d.milliseconds(10, 300);
      tiers.push_back(std::move(one));
    }
    auto& group = add_group(x, "g" + std::to_string(g), std::move(tiers));
    group.strategy = static_cast<fallback_strategy>(d.up_to(2));
    group.breaker = {1 + d.up_to(4), d.milliseconds(300, 3000), 1 + d.up_to(2)};
    group.on_context_overflow = random_cause(d);
    group.on_content_policy = random_cause(d);
    group.slow_start = d.milliseconds(0, 2000);
  }
  for (auto& [name, model] : x.models) {
    if (d.one_in(3)) model.concurrency_limit = 1 + d.up_to(3);
    if (d.one_in(3)) model.rpm_limit = 5 + d.up_to(50);
    if (d.one_in(4)) model.tpm_limit = 100 + d.up_to(2000);
    if (d.one_in(2)) model.context_window = 1000 * (1 + d.up_to(9));
    model.weight = d.up_to(3);
  }
  if (d.one_in(2)) x.group_level = concurrency_settings{1 + d.up_to(8), d.up_to(20)};
  if (d.one_in(2)) x.model_level = concurrency_settings{1 + d.up_to(4), d.up_to(10)};
  if (d.one_in(4)) x.rate = random_rate(d);
  x.default_queue = d.one_in(2) ? 0 : d.up_to(50);
  x.fallback.enabled = !d.one_in(8);
  x.fallback.max_attempts = 1 + d.up_to(4);
  x.fallback.retry_delay = d.milliseconds(0, 200);
  x.fallback.retry_budget = {d.up_to(60), d.up_to(10)};
  config::pool_config pool;
  pool.name = "p";
  pool.members = {{"g0", {}}, {"g1", "t0"}};
  pool.weights = {1, 1 + d.up_to(3)};
  pool.rotation = static_cast<rotation_strategy>(d.up_to(2));
  pool.failure_threshold = 1 + d.up_to(3);
  pool.recovery_time = d.milliseconds(300, 2000);
  if (d.one_in(2)) pool.rate = random_rate(d);
  x.pools.push_back(pool);
  config::node_config node;
  node.name = "n";
  node.llm_group = {"g0", "t0"};
  if (d.one_in(2)) node.fallback_groups = {{"g1", {}}};
  if (d.one_in(2)) node.polling_pool = "p";
  if (d.one_in(2)) node.concurrency = concurrency_settings{1 + d.up_to(5), d.up_to(10)};
  if (d.one_in(2)) node.timeout = d.milliseconds(200, 5000);
  x.nodes.push_back(node);
  return x;
}

behaviour random_behaviour(std::mt19937_64& random, double bad) {
  using kind = failure_class;
  static const std::vector<kind> failures{
      kind::network,       kind::timeout,        kind::request_timeout, kind::rate_limited,
      kind::credential,    kind::server_error,   kind::invalid_reply,   kind::client_fault,
      kind::model_missing, kind::server_error,   kind::quota_exhausted, kind::context_overflow,
      kind::network,       kind::content_policy, kind::untranslatable,  kind::router_exhausted};
  const auto pick = [&](std::int64_t most) {
    return std::uniform_int_distribution<std::int64_t>{0, most}(random);
  };
  behaviour x;
  x.takes = std::chrono::milliseconds{1 + pick(400)};
  if (pick(30) == 0) x.takes = std::chrono::hours{1}; // It hangs.
  if (std::uniform_real_distribution<>{0, 1}(random) >= bad) return x;
  x.kind = failures[static_cast<std::size_t>(pick(static_cast<std::int64_t>(failures.size()) - 1))];
  if (x.kind == kind::rate_limited && pick(1) == 0)
    x.retry_after = std::chrono::milliseconds{pick(3000)};
  x.committed = rule_of(x.kind).counts && pick(5) == 0;
  return x;
}

/// Runs one random world. @returns What was violated.
std::vector<std::string> run_seed(std::uint64_t seed, tally& sum) {
  dice d{seed};
  const auto config = random_config(d);
  const double bad = d.up_to(80) / 100.0;
  crowd_options options;
  options.seed = seed;
  options.answer_delay = std::chrono::microseconds{d.up_to(1500)};
  if (d.one_in(2)) options.moves = d.milliseconds(5, 500);
  options.upstream = [bad](std::mt19937_64& random) { return random_behaviour(random, bad); };
  crowd all{config, options};
  const std::vector<std::string> targets{"n", "p", "g0", "g1", "g0.t0", "g1.t0"};
  auto at = all.now();
  const auto pace = 5 + d.up_to(100);
  for (int i = 0; i < 40; ++i) {
    at += d.milliseconds(0, pace);
    arrival x{at, targets[d.up_to(5)], static_cast<std::uint8_t>(d.up_to(9)),
              d.milliseconds(50, 4000), std::nullopt};
    if (d.one_in(5)) x.leaves_after = d.milliseconds(0, 1500);
    all.add(x);
  }
  all.run();
  all.check_rates();
  all.check_idle();
  if (all.result().ended() != 40) return {"not every request ended once"};
  sum.answered += all.result().answered;
  sum.hedges += all.result().hedges;
  sum.attempts += all.result().attempts;
  sum.late += all.result().late;
  sum.left += all.result().left;
  sum.refused += all.result().refused;
  sum.failed += all.result().failed;
  return all.violations();
}

} // namespace

// ECHELON_SEED runs one seed alone, ECHELON_SEEDS changes how many are run.
TEST_CASE("over random configurations, loads, failures and departures every promise holds",
          "[properties]") {
  const auto number = [](const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text ? std::strtoull(text, nullptr, 10) : otherwise;
  };
  const auto one = number("ECHELON_SEED", 0);
  const auto first = one != 0 ? one : 1;
  const auto last = one != 0 ? one : number("ECHELON_SEEDS", 10000);
  tally sum;
  std::uint64_t bad = 0;
  for (auto seed = first; seed <= last && bad < 5; ++seed) {
    const auto violations = run_seed(seed, sum);
    if (violations.empty()) continue;
    ++bad;
    for (const auto& what : violations)
      UNSCOPED_INFO("seed " << seed << ": " << what);
  }
  CHECK(bad == 0);
  // The worlds are worth something: all kinds of ends happen.
  if (one == 0) {
    for (auto n : {sum.answered, sum.hedges, sum.late, sum.left, sum.refused, sum.failed})
      CHECK(n > (last - first) / 10);
    WARN("requests answered " << sum.answered << ", failed " << sum.failed << ", refused "
                              << sum.refused << ", late " << sum.late << ", left " << sum.left
                              << "; attempts " << sum.attempts << ", hedges " << sum.hedges);
  }
}

} // namespace echelon::test
