#include "cli/chaos/stage.hpp"

#include "cli/http_client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <thread>

namespace echelon::cli {

namespace {

using namespace std::chrono_literals;

// No retries and no fallback: each request starts at most once at the upstream, so that its count
// can be held against every limit on the way, and a fault shows instead of being made good.
constexpr const char* settings = R"(server: {{total_timeout: 15}}
global_fallback: {{enabled: false, circuit_breaker: {{failure_threshold: 5, recovery_time: 1}}}}
rate_limiting:
  algorithm: sliding_window
  sliding_window: {{window_size: 5, max_requests: {all}}}
concurrency_control:
  levels:
    - node_level: {{limit: 3, queue_size: 1000}}
    - group_level: {{limit: 4, queue_size: 1000}}
    - echelon_level: {{limit: 6, queue_size: 1000}}
    - model_level: {{limit: 5, queue_size: 1000}}
providers:
  sim: {{kind: openai, base_url: "http://127.0.0.1:{port}/v1", api_key: chaos, proxy: none}}
models:
  n1: {{provider: sim}}
  n2: {{provider: sim}}
  p1: {{provider: sim}}
  p2: {{provider: sim}}
  g1: {{provider: sim}}
  g2: {{provider: sim}}
  t1: {{provider: sim}}
  m1: {{provider: sim, concurrency_limit: 3}}
  scar: {{provider: sim}}
task_groups:
  of_node: {{first: {{models: [n1, n2], timeout: 10}}}}
  of_pool_a: {{first: {{models: [p1], timeout: 10}}}}
  of_pool_b: {{first: {{models: [p2], timeout: 10}}}}
  some_group: {{first: {{models: [g1, g2], timeout: 10}}}}
  other_group: {{first: {{models: [t1], timeout: 10, concurrency_limit: 3}}}}
polling_pools:
  some_pool:
    task_groups: [of_pool_a, of_pool_b]
    failure_threshold: 5
    recovery_time: 1
    rate_limiting: {{algorithm: sliding_window, window_size: 5, max_requests: {pool}}}
workflow_nodes:
  some_node: {{llm_group: of_node.first, fallback_groups: []}}
)";

/// Requests in 5 s that a limiter lets through, of those that come.
std::uint64_t share_of(double rate, double targets, double share) {
  return static_cast<std::uint64_t>(std::max(1.0, std::floor(5 * rate * targets * share)));
}
std::uint64_t router_limit(const experiment& x) {
  return share_of(x.rate, 5, 0.97);
}
std::uint64_t pool_limit(const experiment& x) {
  return share_of(x.rate, 1, 0.9);
}

/// So long that half of a limit of 3 is used up: what piles up meanwhile is soon gone.
std::chrono::milliseconds latency(const experiment& x) {
  return std::chrono::milliseconds{std::llround(1500 / x.rate)};
}

std::vector<limit_check> all_limits(const experiment& of) {
  double frozen = 0;
  for (const auto& x : of.strikes)
    if (x.what->name == "freeze-node" || x.what->name == "pause")
      frozen = std::max(frozen, x.length);
  const auto window = std::chrono::nanoseconds{5s};
  const auto slack = std::chrono::nanoseconds{
      std::llround(1e9 * std::min(1.0 + frozen, 4.5))}; // What is not started yet when it freezes.
  const std::set<std::string> all{"n1", "n2", "p1", "p2", "g1", "g2", "t1", "m1"};
  std::vector<limit_check> found{
      limit_check::per_window("router/global", all, router_limit(of), window, slack),
      limit_check::per_window("pool/some_pool", {"p1", "p2"}, pool_limit(of), window, slack),
      limit_check::at_once("node/some_node", {"n1", "n2"}, 3),
      limit_check::at_once("group/some_group", {"g1", "g2"}, 4),
      limit_check::at_once("echelon/other_group.first", {"t1"}, 3),
      limit_check::at_once("model/m1", {"m1"}, 3)};
  for (const auto* pool : {"a", "b"})
    found.push_back(limit_check::at_once(fmt::format("group/of_pool_{}", pool),
                                         {pool == std::string{"a"} ? "p1" : "p2"}, 4));
  return found;
}

std::string address(std::uint16_t port) {
  return fmt::format("127.0.0.1:{}", port);
}

} // namespace

stage::stage(const experiment& of) : of_(of) {
  auto name = (std::filesystem::temp_directory_path() / "echelon-chaos-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr)
    throw std::runtime_error("cannot make a folder such as " + name);
  folder_ = name;
  upstream_ = std::make_unique<upstream>(all_limits(of_), latency(of_));
  for (std::size_t i = 0; i < of_.nodes; ++i) {
    router x;
    x.name = std::string(1, static_cast<char>('a' + i));
    x.port = free_port();
    x.cluster_port = free_port();
    routers_.push_back(std::move(x));
  }
  write_config();
  for (auto& x : routers_)
    start(x);
  for (std::size_t i = 0; i < routers_.size(); ++i)
    await_ready(i);
}

stage::~stage() {
  routers_.clear();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void stage::write_config() const {
  std::ofstream to{folder_ / "echelon.yaml"};
  to << fmt::format(settings, fmt::arg("port", upstream_->port()),
                    fmt::arg("all", router_limit(of_)), fmt::arg("pool", pool_limit(of_)));
  if (routers_.size() > 1) {
    std::string seeds;
    for (const auto& x : routers_)
      seeds += fmt::format("{}\"{}\"", seeds.empty() ? "" : ", ", address(x.cluster_port));
    to << fmt::format("cluster: {{name: chaos, seeds: [{}]}}\n", seeds);
  }
}

void stage::start(router& x) {
  std::vector<std::string> arguments{
      "serve",   "--config",       (folder_ / "echelon.yaml").string(), "--listen", address(x.port),
      "--chaos", "--max-restarts", std::to_string(of_.max_restarts)};
  if (routers_.size() > 1)
    for (const auto& more :
         {std::string{"--node"}, x.name, std::string{"--cluster-listen"}, address(x.cluster_port)})
      arguments.push_back(more);
  x.running = std::make_unique<process>(
      arguments, of_.full_disk ? "/dev/full" : (folder_ / (x.name + ".log")).string());
  x.frozen = x.scarce = false;
}

void stage::await_ready(std::size_t node) {
  const auto give_up = std::chrono::steady_clock::now() + 30s;
  while (!ready(node)) {
    if (!routers_[node].running->running() || std::chrono::steady_clock::now() > give_up)
      throw std::runtime_error(fmt::format("the router {} did not get ready{}", routers_[node].name,
                                           logged(routers_[node])));
    std::this_thread::sleep_for(20ms);
  }
}

std::string stage::logged(const router& x) const {
  std::ifstream from{folder_ / (x.name + ".log")};
  std::string line, last;
  while (std::getline(from, line))
    last = line;
  return last.empty() ? "" : ": " + last;
}

std::vector<std::string> stage::urls() const {
  std::vector<std::string> all;
  for (const auto& x : routers_)
    all.push_back("http://" + address(x.port));
  return all;
}

std::vector<std::string> stage::nodes() const {
  std::vector<std::string> all;
  for (const auto& x : routers_)
    all.push_back(x.name);
  return all;
}

std::vector<asked_target> stage::targets() const {
  std::vector<asked_target> all{
      {"some_node", {"node/some_node", "group/of_node", "echelon/of_node.first"}},
      {"some_pool", {"pool/some_pool"}},
      {"some_group", {"group/some_group", "echelon/some_group.first", "model/g1", "model/g2"}},
      {"other_group.first", {"group/other_group", "echelon/other_group.first", "model/t1"}},
      {"m1", {"model/m1"}},
  };
  for (auto& x : all) {
    x.actors.insert("router/global");
    x.echoed = true;
  }
  return all;
}

stage::router* stage::find(const std::string& name) {
  const auto i =
      std::find_if(routers_.begin(), routers_.end(), [&](const auto& x) { return x.name == name; });
  return i == routers_.end() ? nullptr : &*i;
}

std::string stage::begin(const strike& x) {
  switch (x.what->who) {
  case victim::actor: return disturb(x);
  case victim::upstreams:
    if (x.what->name == "cut-upstreams")
      upstream_->cut();
    else
      upstream_->slow(std::chrono::milliseconds{x.amount});
    return {};
  case victim::node:
    auto* const at = find(x.subject);
    return at == nullptr ? "there is no node " + x.subject : begin_at(*at, x);
  }
  return {};
}

std::string stage::begin_at(router& x, const strike& what) {
  if (!x.running) return "it is down already";
  if (what.what->name == "kill-node") {
    x.running.reset();
  } else if (what.what->name == "freeze-node") {
    x.frozen = true;
    x.running->freeze();
  } else {
    x.scarce = true;
    x.running->limit_descriptors(static_cast<std::uint64_t>(what.amount));
  }
  return {};
}

void stage::end(const strike& x) {
  if (x.what->name == "cut-upstreams") upstream_->restore();
  if (x.what->name == "slow-upstreams") upstream_->slow(0ms);
  auto* const at = find(x.subject);
  if (x.what->who != victim::node || at == nullptr) return;
  if (x.what->name == "kill-node") {
    if (!at->running) start(*at);
  } else if (at->running && x.what->name == "freeze-node") {
    at->running->thaw();
    at->frozen = false;
  } else if (at->running) {
    at->running->free_descriptors();
    at->scarce = false;
  }
}

std::vector<limit_check> stage::limits() const {
  return upstream_->limits();
}

bool stage::ready(std::size_t node) {
  auto& x = routers_.at(node);
  if (!x.running || x.frozen || x.scarce) return false;
  try {
    return request(urls()[node], "GET", "/readyz", {}, "").status == 200;
  } catch (const std::exception&) {
    return false;
  }
}

std::string stage::close() {
  std::string wrong;
  for (auto& x : routers_) {
    const int code = x.running ? x.running->end(40) : -1;
    if (code != 0)
      wrong += fmt::format("router {} ended with code {}{}. ", x.name, code, logged(x));
  }
  return wrong;
}

} // namespace echelon::cli
