#include "cli/chaos/strike.hpp"

#include <algorithm>
#include <random>

namespace echelon::cli {

const std::vector<fault_kind>& fault_kinds() {
  static const std::vector<fault_kind> all{
      {"kill", victim::actor, false, 0, "the actor dies between two messages"},
      {"throw", victim::actor, false, 0, "its next handler throws before it decides"},
      {"throw-late", victim::actor, false, 0, "its next handler throws when it has decided"},
      {"pause", victim::actor, true, 0, "it reads nothing: all its messages are delayed"},
      {"fill", victim::actor, false, 10'000, "so many messages go to its mailbox at once"},
      {"drop", victim::actor, false, 10, "so many messages of other nodes are lost on their way"},
      {"kill-node", victim::node, true, 0, "the process is killed, and started again afterwards"},
      {"freeze-node", victim::node, true, 0, "the process stands still: nothing of it is heard"},
      {"descriptors", victim::node, true, 2, "so many more descriptors may be opened, no more"},
      {"cut-upstreams", victim::upstreams, true, 0, "connections are cut and refused"},
      {"slow-upstreams", victim::upstreams, true, 1000, "answers come so many milliseconds late"},
  };
  return all;
}

const fault_kind* find_fault(std::string_view name) {
  const auto& all = fault_kinds();
  const auto i =
      std::find_if(all.begin(), all.end(), [&](const auto& x) { return x.name == name; });
  return i == all.end() ? nullptr : &*i;
}

namespace {

class chance {
public:
  chance(double seconds, std::uint64_t seed) : seconds_(seconds), random_(seed) {}

  double between(double least, double most) {
    // Of the generator alone: distributions differ between libraries.
    return least + (most - least) * static_cast<double>(random_() >> 11U) * 0x1p-53;
  }
  template <class T>
  const T& one_of(const std::vector<T>& from) {
    return from[random_() % from.size()];
  }

  /// Not in the first and last moments: there is load before and after.
  void strike_actors(const std::vector<std::string>& paths,
                     const std::vector<const fault_kind*>& faults, std::uint64_t times) {
    for (std::uint64_t i = 0; i < times && !faults.empty(); ++i) {
      strike x;
      x.at = between(0.02, 0.95) * seconds_;
      x.what = one_of(faults);
      x.subject = one_of(paths);
      x.length = x.what->lasts ? between(0.01, 0.1) : 0;
      x.amount = x.what->usual;
      found.push_back(std::move(x));
    }
  }

  /// One after the other, each in a slot of its own.
  void take_turns(const std::vector<std::pair<const fault_kind*, std::string>>& all,
                  std::uint64_t times) {
    if (all.empty() || times == 0) return;
    const auto slots = all.size() * times;
    const auto slot = 0.9 * seconds_ / static_cast<double>(slots);
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < slots; ++i)
      order.push_back(i % all.size());
    for (std::size_t i = order.size(); i > 1; --i)
      std::swap(order[i - 1], order[random_() % i]);
    for (std::size_t i = 0; i < slots; ++i) {
      const auto& [what, subject] = all[order[i]];
      strike x;
      x.at = 0.02 * seconds_ + slot * (static_cast<double>(i) + between(0, 0.2));
      x.what = what;
      x.subject = subject;
      x.length = std::min(between(0.1, 0.4) * slot, 5.0);
      x.amount = what->usual;
      found.push_back(std::move(x));
    }
  }

  std::vector<strike> found;

private:
  double seconds_;
  std::mt19937_64 random_;
};

} // namespace

std::vector<strike> random_strikes(const targets_of_chance& from, double seconds,
                                   std::uint64_t seed) {
  chance all{seconds, seed};
  std::vector<const fault_kind*> of_actors;
  std::vector<std::pair<const fault_kind*, std::string>> others;
  for (const auto* x : from.faults) {
    if (x->who == victim::actor) of_actors.push_back(x);
    if (x->who == victim::upstreams) others.emplace_back(x, "");
    if (x->who == victim::node)
      for (const auto& node : from.nodes)
        others.emplace_back(x, node);
  }
  for (const auto& [level, paths] : from.actors) {
    auto faults = of_actors;
    if (level == "supervisor") // It has neither a door nor handlers that are ours to disturb.
      std::erase_if(faults, [](const auto* x) { return x->name != "kill"; });
    all.strike_actors(paths, faults, from.times);
  }
  // Fewer, as each lasts: not more than one in five seconds.
  const auto most = static_cast<std::uint64_t>(seconds / 5.0);
  if (!others.empty())
    all.take_turns(others, std::min(from.times, std::max<std::uint64_t>(most / others.size(), 1)));
  std::stable_sort(all.found.begin(), all.found.end(),
                   [](const auto& a, const auto& b) { return a.at < b.at; });
  return std::move(all.found);
}

} // namespace echelon::cli
