// Keys take turns; a dead one sits out.
#include "providers/key_ring.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <set>
#include <thread>

using namespace echelon;
using namespace std::chrono_literals;
using policy::failure_class;
using providers::key_book;
using providers::key_ring;

namespace {

const policy::time_point start{1000s};
const std::vector<std::string> abc{"a", "b", "c"};

config::provider_config provider_of(std::vector<std::string> keys, std::string name = "p") {
  config::provider_config out;
  out.name = std::move(name);
  out.api_keys = std::move(keys);
  return out;
}

std::string told(key_book& uut, const config::provider_config& p, policy::time_point now,
                 const std::vector<std::size_t>& tried = {}) {
  const auto got = uut.pick(p, now, tried);
  return got ? got->key : "-";
}

} // namespace

TEST_CASE("keys take turns and a benched one is passed over until its time") {
  key_ring uut;
  CHECK(uut.pick(abc, {}, start) == 0U);
  CHECK(uut.pick(abc, {}, start) == 1U);
  CHECK(uut.pick(abc, {}, start) == 2U);
  CHECK(uut.pick(abc, {}, start) == 0U);
  uut.bench("b", start + 60s);
  CHECK(uut.pick(abc, {}, start) == 2U);
  CHECK(uut.pick(abc, {}, start) == 0U);
  CHECK(uut.pick(abc, {}, start + 59s) == 2U);
  CHECK(uut.pick(abc, {}, start + 60s) == 0U);
  CHECK(uut.pick(abc, {}, start + 60s) == 1U);
}

TEST_CASE("with all keys dead the one that comes back first is told") {
  key_ring uut;
  uut.bench("a", start + 30s);
  uut.bench("b", start + 10s);
  uut.bench("c", start + 20s);
  CHECK(uut.pick(abc, {}, start) == 1U);
  CHECK(uut.pick(abc, {1}, start) == 2U);
  CHECK_FALSE(uut.pick(abc, {0, 1, 2}, start));
  CHECK_FALSE(uut.pick({}, {}, start));
  CHECK_FALSE(uut.usable(abc, {}, start));
  CHECK(uut.usable(abc, {}, start + 10s));
  CHECK_FALSE(uut.usable(abc, {1}, start + 10s));
}

TEST_CASE("a shorter bench does not end a longer one, and a success ends both") {
  key_ring uut;
  uut.bench("a", start + 60s);
  uut.bench("a", start + 5s);
  CHECK(uut.benched(start + 30s) == 1);
  uut.clear("a");
  CHECK(uut.benched(start + 30s) == 0);
  uut.bench("b", start + 5s);
  uut.sweep(start + 5s);
  CHECK(uut.benched(start) == 0);
}

TEST_CASE("only failures of the key bench it") {
  CHECK(providers::key_bench_time(failure_class::credential, {}) == 60s);
  CHECK(providers::key_bench_time(failure_class::credential, 1s) == 60s);
  CHECK(providers::key_bench_time(failure_class::rate_limited, {}) == 5s);
  CHECK(providers::key_bench_time(failure_class::rate_limited, 20s) == 20s);
  CHECK(providers::key_bench_time(failure_class::quota_exhausted, {}) == 600s);
  CHECK(providers::key_bench_time(failure_class::quota_exhausted, 100h) == 1h);
  for (const auto kind :
       {failure_class::none, failure_class::network, failure_class::timeout,
        failure_class::request_timeout, failure_class::model_missing, failure_class::server_error,
        failure_class::invalid_reply, failure_class::client_fault, failure_class::context_overflow,
        failure_class::content_policy, failure_class::untranslatable, failure_class::client_gone,
        failure_class::router_exhausted})
    CHECK(providers::key_bench_time(kind, 20s) == 0s);
}

TEST_CASE("a dead key sends the same model to the next one at once, while one lives") {
  key_book uut;
  const auto p = provider_of({"a", "b"});
  CHECK(told(uut, p, start) == "a");
  CHECK(uut.report(p, 0, failure_class::credential, {}, start));
  CHECK(told(uut, p, start, {0}) == "b");
  CHECK_FALSE(uut.report(p, 1, failure_class::credential, {}, start + 1s, {0, 1}));
  CHECK(told(uut, p, start + 2s, {0, 1}) == "-");
  CHECK(told(uut, p, start + 2s) == "a"); // Least long benched.
  CHECK_FALSE(uut.report(p, 0, failure_class::none, {}, start + 2s));
  CHECK(told(uut, p, start + 3s) == "a");
  CHECK(uut.benched("p", start + 3s) == 1);
}

TEST_CASE("what is no key's failure sends nothing to another key") {
  key_book uut;
  const auto p = provider_of({"a", "b"});
  for (const auto kind : {failure_class::none, failure_class::server_error, failure_class::network,
                          failure_class::client_fault})
    CHECK_FALSE(uut.report(p, 0, kind, {}, start));
  CHECK(uut.benched("p", start) == 0);
  CHECK(uut.report(p, 0, failure_class::rate_limited, 0s, start)); // May come back at once.
  CHECK(uut.benched("p", start) == 0);
  CHECK(uut.report(p, 0, failure_class::rate_limited, 9s, start));
  CHECK_FALSE(uut.report(p, 0, failure_class::none, {}, start)); // Began before the 429.
  CHECK(uut.benched("p", start) == 1);
  CHECK_FALSE(uut.report(p, 7, failure_class::credential, {}, start));
  CHECK_FALSE(uut.report(provider_of({"a"}), 0, failure_class::credential, {}, start));
}

TEST_CASE("a key stays benched over reloads that move it, providers do not share") {
  key_book uut;
  static_cast<void>(uut.report(provider_of({"a", "b"}), 0, failure_class::credential, {}, start));
  const auto moved = provider_of({"b", "x", "a"});
  std::multiset<std::string> seen;
  for (int i = 0; i < 10; ++i)
    seen.insert(told(uut, moved, start + 1s));
  CHECK(seen.count("a") == 0);
  CHECK(seen.count("b") == 5);
  CHECK(seen.count("x") == 5);
  CHECK(told(uut, provider_of({"a"}, "q"), start) == "a");
  CHECK(uut.benched("q", start) == 0);
  CHECK(told(uut, provider_of({}), start) == "-");
}

TEST_CASE("whatever happens, a live key comes before a benched one, and turns are fair") {
  const auto seed = GENERATE(range(1U, 40U));
  CAPTURE(seed);
  std::mt19937 random{seed};
  const auto below = [&](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>{0, n - 1}(random);
  };
  std::vector<std::string> keys;
  for (std::size_t i = 0, n = 1 + below(6); i < n; ++i)
    keys.push_back("k" + std::to_string(i));
  key_ring uut;
  std::map<std::string, policy::time_point> model;
  auto now = start;
  for (int step = 0; step < 400; ++step) {
    now += std::chrono::seconds{below(3)};
    const auto& key = keys[below(keys.size())];
    switch (below(6)) {
    case 0: {
      const auto until = now + std::chrono::seconds{1 + below(20)};
      uut.bench(key, until);
      model[key] = std::max(model[key], until);
      break;
    }
    case 1:
      uut.clear(key);
      model.erase(key);
      break;
    case 2: uut.sweep(now); break;
    default: {
      std::vector<std::size_t> tried;
      for (std::size_t i = 0; i < keys.size(); ++i)
        if (below(4) == 0) tried.push_back(i);
      const auto live = [&](std::size_t i) { return model[keys[i]] <= now; };
      std::set<std::size_t> good, left;
      for (std::size_t i = 0; i < keys.size(); ++i)
        if (std::count(tried.begin(), tried.end(), i) == 0) {
          left.insert(i);
          if (live(i)) good.insert(i);
        }
      const auto got = uut.pick(keys, tried, now);
      REQUIRE(got.has_value() == !left.empty());
      CHECK(uut.usable(keys, tried, now) == !good.empty());
      if (!got) break;
      CHECK(left.count(*got) == 1);
      if (!good.empty())
        CHECK(good.count(*got) == 1);
      else
        for (const auto i : left)
          CHECK(model[keys[*got]] <= model[keys[i]]);
    }
    }
  }
  // With the bench empty every key gets its share.
  now += 1h;
  std::map<std::size_t, int> turns;
  for (std::size_t i = 0; i < keys.size() * 3; ++i)
    ++turns[*uut.pick(keys, {}, now)];
  for (std::size_t i = 0; i < keys.size(); ++i)
    CHECK(turns[i] == 3);
}

TEST_CASE("many threads share one book") {
  key_book uut;
  const auto p = provider_of({"a", "b", "c"});
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 4; ++seed)
    threads.emplace_back([&, seed] {
      std::mt19937 random{seed};
      for (int i = 0; i < 5000; ++i) {
        const auto got = uut.pick(p, start + std::chrono::seconds{i});
        if (got && random() % 8 == 0)
          static_cast<void>(uut.report(p, got->index, failure_class::credential, {},
                                       start + std::chrono::seconds{i}));
      }
    });
  for (auto& one : threads)
    one.join();
  CHECK(uut.benched("p", start + 2h) == 0);
}
