#include "cli/chaos/record.hpp"

#include <algorithm>

namespace echelon::cli {

std::uint64_t chaos_report::count(fate x) const {
  return static_cast<std::uint64_t>(std::count_if(requests.begin(), requests.end(),
                                                  [&](const auto& r) { return r.became == x; }));
}

bool chaos_report::good() const {
  return count(fate::lost) == 0 && count(fate::answered) > 0 && held.empty() && complaints.empty()
         && std::all_of(limits.begin(), limits.end(), [](const auto& x) { return x.held(); });
}

namespace {

/// An error that a client can act on: of the router, named, and not one of its own making.
bool is_proper(int status, const std::string& failure) {
  const bool named = failure.find(' ') != std::string::npos;
  return named && (status == 429 || status == 502 || status == 503 || status == 504);
}

bool was_absent(const std::vector<absence>& all, const seen_request& x) {
  return std::any_of(all.begin(), all.end(), [&](const auto& a) {
    return a.node == x.node && x.sent < a.to && x.ended > a.from;
  });
}

void count_failure(std::map<std::string, tally::failed>& in, const std::string& kind,
                   const std::string& text) {
  auto& x = in[kind];
  if (x.count++ == 0) x.example = text;
}

} // namespace

void record::add(std::uint32_t target, std::uint32_t node, const outcome& x) {
  seen_request seen{seconds(x.due), seconds(x.ended), target, node, fate::answered};
  const std::lock_guard guard{mutex_};
  if (x.failure.empty()) {
    good_.push_back(seen);
    return;
  }
  seen.became = is_proper(x.status, x.failure) ? fate::refused : fate::lost;
  bad_.push_back({seen, x.failure, x.text});
}

void record::finish(const std::vector<absence>& absent, chaos_report& to) {
  const std::lock_guard guard{mutex_};
  to.requests = std::move(good_);
  for (auto& x : bad_) {
    if (x.what.became == fate::lost && was_absent(absent, x.what)) x.what.became = fate::cut_off;
    if (x.what.became == fate::refused) count_failure(to.refusals, x.failure, x.text);
    if (x.what.became == fate::lost) count_failure(to.losses, x.failure, x.text);
    to.requests.push_back(x.what);
  }
  std::sort(to.requests.begin(), to.requests.end(),
            [](const auto& a, const auto& b) { return a.ended < b.ended; });
}

void find_recoveries(chaos_report& of) {
  std::map<std::string, std::size_t> nodes;
  for (std::size_t i = 0; i < of.nodes.size(); ++i)
    nodes[of.nodes[i]] = i;
  for (auto& x : of.strikes) {
    if (!x.failed.empty()) continue;
    const auto concerns = [&](const seen_request& r) {
      if (x.what.what->who == victim::node) return nodes[x.what.subject] == r.node;
      if (x.what.what->who == victim::upstreams) return true;
      const auto& way = of.targets[r.target].actors;
      return way.empty() || way.count(x.what.subject) != 0 || x.what.subject == "supervisor";
    };
    // The first to end may have been sent before; requests are in the order of their ends.
    auto i = std::lower_bound(of.requests.begin(), of.requests.end(), x.ended,
                              [](const auto& r, double at) { return r.ended < at; });
    for (; i != of.requests.end() && x.recovered < 0; ++i)
      if (i->became == fate::answered && i->sent >= x.ended && concerns(*i))
        x.recovered = i->ended - x.ended;
  }
}

} // namespace echelon::cli
