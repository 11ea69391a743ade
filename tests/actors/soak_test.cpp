// A million requests: what comes back is what went out, and nothing grows.
#include "crowd.hpp"

#include "world.hpp"

#include <catch2/catch.hpp>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
// GCC comes without the header of it, sanitizer/allocator_interface.h.
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();
#endif
#include <unistd.h>

#include <fstream>

namespace echelon::test {
namespace {

using namespace policy;

/// Memory of this process in bytes: what is resident. Sanitizers keep memory of their own and do
/// not give freed memory back at once: there it is what is allocated.
std::int64_t memory() {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
  return static_cast<std::int64_t>(__sanitizer_get_current_allocated_bytes());
#else
  std::ifstream in{"/proc/self/statm"};
  std::int64_t pages = 0, rest = 0;
  in >> pages >> rest;
  return rest * sysconf(_SC_PAGESIZE);
#endif
}

config::RouterConfig busy_config() {
  config::RouterConfig x;
  auto fast = tier("fast", {"a-1", "a-2", "b-1"}, 2);
  fast.concurrency_limit = 200;
  fast.rpm_limit = 200'000;
  fast.hedge_after = 150ms;
  auto slow = tier("slow", {"c-1", "b-2"}, 1);
  slow.concurrency_limit = 100;
  add_group(x, "g", {fast, slow}).breaker = {20, 500ms, 2};
  add_group(x, "h", {tier("only", {"b-1", "c-1"}, 1)});
  for (auto& [name, model] : x.models) {
    model.concurrency_limit = 120;
    model.tpm_limit = 10'000'000;
  }
  config::pool_config pool;
  pool.name = "p";
  pool.members = {{"g", {}}, {"h", {}}};
  pool.weights = {2, 1};
  pool.rate = token_bucket_settings{500, 3'000'000'000};
  x.pools.push_back(pool);
  config::node_config node;
  node.name = "n";
  node.llm_group = {"g", "fast"};
  node.polling_pool = "p";
  node.concurrency = concurrency_settings{300, 100};
  x.nodes.push_back(node);
  x.fallback.retry_delay = 20ms;
  return x;
}

behaviour mostly_good(std::mt19937_64& random) {
  std::uniform_real_distribution<> chance{0, 1};
  behaviour x;
  x.takes = std::chrono::microseconds{std::uniform_int_distribution<>{5'000, 200'000}(random)};
  if (chance(random) >= 0.05) return x;
  x.kind = chance(random) < 0.7 ? failure_class::server_error : failure_class::rate_limited;
  if (x.kind == failure_class::rate_limited) x.retry_after = 200ms;
  return x;
}

} // namespace

TEST_CASE("after a million requests, 5 % failures and 5 % departures the state is as before and "
          "memory is flat",
          "[soak]") {
  constexpr std::uint64_t total = 1'000'000, batch = 10'000;
  crowd_options options;
  options.seed = 7;
  options.answer_delay = 200us;
  options.upstream = mostly_good;
  options.remember_starts = false;
  crowd all{busy_config(), options};
  const auto before = all.state();
  std::mt19937_64 random{11};
  const std::vector<std::string> targets{"n", "p", "g", "h", "g.slow"};
  std::int64_t early = 0;
  auto at = all.now();
  for (std::uint64_t done = 0; done < total; done += batch) {
    for (std::uint64_t i = 0; i < batch; ++i) {
      at += std::chrono::microseconds{std::uniform_int_distribution<>{0, 1000}(random)};
      arrival x{at, targets[random() % targets.size()], static_cast<std::uint8_t>(random() % 10),
                5s, std::nullopt};
      if (random() % 20 == 0) x.leaves_after = std::chrono::microseconds{random() % 100'000};
      all.add(x);
    }
    all.run_until(at);
    if (done == total / 10) early = memory();
  }
  all.run();
  all.check_idle();
  for (const auto& what : all.violations())
    UNSCOPED_INFO(what);
  CHECK(all.violations().empty());
  const auto& sum = all.result();
  CHECK(sum.ended() == total);
  CHECK(sum.left > total / 40);
  CHECK(sum.answered > total / 2);
  const auto grown = memory() - early;
  INFO("answered " << sum.answered << ", failed " << sum.failed << ", refused " << sum.refused
                   << ", late " << sum.late << ", left " << sum.left << "; attempts "
                   << sum.attempts << ", hedges " << sum.hedges << "; memory grew by " << grown);
  CHECK(grown < 16 * 1024 * 1024);
  // Healthy again, and after the longest window and bench: as at the start.
  all.behave([](std::mt19937_64&) {
    return behaviour{failure_class::none, std::nullopt, 1ms, false};
  });
  for (int i = 0; i < 200; ++i)
    all.add({all.now() + 20min + i * 100ms, targets[static_cast<std::size_t>(i) % targets.size()],
             5, 5s, std::nullopt});
  all.run();
  all.run_until(all.now() + 20min);
  CHECK(all.state() == before);
}

} // namespace echelon::test
