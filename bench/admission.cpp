// What one admission costs: by an actor that lives here, by one of another node, and by a lease of
// the other node's. Two nodes of one cluster in this process, over sockets of loopback.
#include "cluster/node.hpp"
#include "config/topology.hpp"

#include <sys/socket.h>

#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace echelon;
using namespace std::chrono_literals;

namespace {

using clock_type = std::chrono::steady_clock;

/// A port of loopback that nobody listens on now.
std::uint16_t free_port() {
  const int s = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  bind(s, reinterpret_cast<sockaddr*>(&at), size);
  getsockname(s, reinterpret_cast<sockaddr*>(&at), &size);
  close(s);
  return ntohs(at.sin_port);
}

config::RouterConfig routes() {
  config::RouterConfig x;
  for (int i = 0; i < 16; ++i) {
    config::model_config m;
    m.name = "m" + std::to_string(i);
    m.provider = "p";
    m.model = m.name;
    m.concurrency_limit = 1000;
    m.rpm_limit = 2'000'000'000;
    x.models[m.name] = m;
  }
  return x;
}

struct member {
  explicit member(const config::cluster_config& x, const policy::topology_ptr& topology)
      : node(x), tree(node.system(), topology, true) {
    node.start(tree, topology, {});
  }
  cluster::node node;
  actors::hierarchy tree;
};

/// Admits and gives back, one by one. @returns Microseconds of each admission, sorted.
std::vector<double> measure(actors::hierarchy& tree, policy::path_id actor, int rounds) {
  std::vector<double> times;
  for (int i = 0; i < rounds; ++i) {
    policy::ask_admission x;
    x.hold = tree.new_hold();
    x.route = {actor};
    std::promise<policy::admission_answer> answered;
    auto answer = answered.get_future();
    const auto begun = clock_type::now();
    tree.ask(x, [&](policy::admission_answer a) { answered.set_value(std::move(a)); });
    const auto got = answer.get();
    times.push_back(std::chrono::duration<double, std::micro>(clock_type::now() - begun).count());
    if (got.why != policy::refusal::none) continue;
    tree.tell({actor, {x.hold, policy::outcome::success, false, -1, {}}, 0});
  }
  std::sort(times.begin(), times.end());
  return times;
}

void print(const char* what, actors::hierarchy& tree, policy::path_id actor, int rounds) {
  static_cast<void>(measure(tree, actor, rounds)); // Warm.
  const auto before = tree.admissions();
  const auto t = measure(tree, actor, rounds);
  const auto after = tree.admissions();
  double sum = 0;
  for (const auto x : t)
    sum += x;
  const auto at = [&](double part) { return t[static_cast<std::size_t>(part * double(t.size()))]; };
  std::printf("| %s | %.2f | %.2f | %.2f | %llu / %llu / %llu |\n", what, sum / double(t.size()),
              at(0.5), at(0.99), static_cast<unsigned long long>(after.own - before.own),
              static_cast<unsigned long long>(after.leased - before.leased),
              static_cast<unsigned long long>(after.remote - before.remote));
  std::fflush(stdout);
}

/// Two nodes that are one cluster.
struct pair_of_nodes {
  pair_of_nodes(const policy::topology_ptr& topology, bool leases) {
    config::cluster_config x;
    x.leases = leases;
    const std::uint16_t ports[] = {free_port(), free_port()};
    for (const auto port : ports)
      x.seeds.push_back("127.0.0.1:" + std::to_string(port));
    for (int i = 0; i < 2; ++i) {
      x.node = std::string(1, static_cast<char>('a' + i));
      x.port = ports[i];
      nodes.push_back(std::make_unique<member>(x, topology));
    }
    while (!together())
      std::this_thread::sleep_for(20ms);
  }
  ~pair_of_nodes() {
    for (auto& x : nodes)
      x->node.stop();
  }
  bool together() {
    return std::all_of(nodes.begin(), nodes.end(), [](const auto& x) {
      const auto s = x->node.status();
      return s.acts && s.view.members.size() == 2;
    });
  }
  /// An actor that lives on this node.
  policy::path_id owned_by(const std::string& node, const policy::topology& topology) {
    for (const auto& [id, spec] : topology.actors)
      if (spec.at == policy::level::model && nodes[0]->node.owner(id) == node) return id;
    return 0;
  }
  std::vector<std::unique_ptr<member>> nodes;
};

} // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 20000;
  const auto topology = config::make_topology(routes());
  std::printf("| admission | mean us | p50 us | p99 us | own / leased / remote |\n");
  std::printf("| --- | --- | --- | --- | --- |\n");
  {
    pair_of_nodes x{topology, false};
    auto& tree = x.nodes[0]->tree;
    print("the owner is here", tree, x.owned_by("a", *topology), rounds);
    print("the owner is another node", tree, x.owned_by("b", *topology), rounds);
  }
  pair_of_nodes x{topology, true};
  print("another node's, by lease", x.nodes[0]->tree, x.owned_by("b", *topology), rounds);
}
