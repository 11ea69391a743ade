#include "cli/chaos/run.hpp"

#include "cli/bench/generator.hpp"
#include "cli/http_client.hpp"

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <atomic>
#include <deque>
#include <optional>
#include <queue>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace echelon::cli {

namespace http = boost::beast::http;
using nlohmann::json;
using clock = std::chrono::steady_clock;

namespace {

std::string chat(const server_address& where, const std::string& target) {
  const json body{{"model", target},
                  {"messages", json::array({{{"role", "user"}, {"content", "ask " + target}}})}};
  http::request<http::string_body> message{http::verb::post, "/v1/chat/completions", 11};
  message.set(http::field::host, where.host + ':' + where.port);
  message.set(http::field::content_type, "application/json");
  message.body() = body.dump();
  message.prepare_payload();
  std::ostringstream text;
  text << message;
  return text.str();
}

/// Every target at every router, each by a generator of its own.
class crowd {
public:
  crowd(const experiment& of, const arena& at, record& to) {
    const auto targets = at.targets();
    const auto urls = at.urls();
    for (std::uint32_t node = 0; node < urls.size(); ++node)
      for (std::uint32_t i = 0; i < targets.size(); ++i) {
        const auto where = split_url(urls[node]);
        offered_load load;
        load.url = urls[node];
        load.host = where.host;
        load.port = where.port;
        load.target = targets[i].name;
        load.request = chat(where, load.target);
        if (targets[i].echoed) load.expected = "ask " + load.target;
        load.connections = 64;
        load.rate = of.rate / static_cast<double>(urls.size());
        load.length = std::chrono::nanoseconds{std::llround(of.seconds * 1e9)};
        load.timeout = std::chrono::seconds{20}; // The router's deadline is earlier.
        load.told = [&to, i, node](const outcome& x) { to.add(i, node, x); };
        loads_.push_back(std::move(load));
      }
    for (auto& load : loads_)
      threads_.emplace_back([this, &load] {
        try {
          offer(load);
        } catch (const std::exception& error) {
          const std::lock_guard guard{mutex_};
          error_ = error.what();
        }
        --running_;
      });
    running_ += static_cast<int>(threads_.size());
  }
  ~crowd() { join(); }
  crowd(const crowd&) = delete;
  crowd& operator=(const crowd&) = delete;

  [[nodiscard]] bool running() const { return running_ > 0; }
  /// @returns What went wrong.
  std::string join() {
    for (auto& x : threads_)
      if (x.joinable()) x.join();
    return error_;
  }

private:
  std::deque<offered_load> loads_;
  std::vector<std::thread> threads_;
  std::atomic<int> running_{0};
  std::mutex mutex_;
  std::string error_;
};

/// Deals the strikes when they are due, and ends those that last.
class striker {
public:
  striker(arena& at, const record& time, const std::vector<std::string>& nodes)
      : at_(at), time_(time), nodes_(nodes) {}

  void run(const std::vector<strike>& all, const crowd& load) {
    std::size_t next = 0;
    while (load.running() || !open_.empty()) {
      const auto now = time_.seconds(clock::now());
      if (!open_.empty() && open_.top().first <= now) {
        finish(open_.top().second);
        open_.pop();
      } else if (next < all.size() && load.running() && all[next].at <= now) {
        deal(all[next++]);
      } else {
        auto until = now + 0.05; // The load may end early.
        if (!open_.empty()) until = std::min(until, open_.top().first);
        if (next < all.size()) until = std::min(until, all[next].at);
        std::this_thread::sleep_for(std::chrono::duration<double>(until - now));
      }
    }
  }

  std::vector<dealt_strike> dealt;
  std::vector<absence> absent;

private:
  void deal(const strike& x) {
    dealt_strike one;
    one.what = x;
    one.began = time_.seconds(clock::now());
    if (const auto node = takes_away(x)) absent.push_back({*node, one.began});
    one.failed = at_.begin(x);
    one.ended = time_.seconds(clock::now());
    if (one.failed.empty() && x.what->lasts) {
      one.ended += x.length;
      open_.emplace(one.ended, dealt.size());
    }
    dealt.push_back(std::move(one));
  }

  void finish(std::size_t i) {
    auto& x = dealt[i];
    at_.end(x.what);
    const auto node = takes_away(x.what);
    if (!node) return;
    // A node is there again when it says so.
    const auto give_up = clock::now() + std::chrono::seconds{30};
    while (!at_.ready(*node) && clock::now() < give_up)
      std::this_thread::sleep_for(std::chrono::milliseconds{20});
    x.ended = time_.seconds(clock::now());
    for (auto& a : absent)
      if (a.node == *node) a.to = std::min(a.to, x.ended);
  }

  [[nodiscard]] std::optional<std::size_t> takes_away(const strike& x) const {
    if (x.what->name != "kill-node" && x.what->name != "freeze-node") return std::nullopt;
    const auto i = std::find(nodes_.begin(), nodes_.end(), x.subject);
    if (i == nodes_.end()) return std::nullopt;
    return static_cast<std::size_t>(i - nodes_.begin());
  }

  using due = std::pair<double, std::size_t>;
  arena& at_;
  const record& time_;
  std::vector<std::string> nodes_;
  std::priority_queue<due, std::vector<due>, std::greater<>> open_;
};

/// Who still has permits or waiters. All get some time to come to rest.
std::vector<std::string> still_held(arena& at) {
  const auto give_up = clock::now() + std::chrono::seconds{25};
  for (;;) {
    std::vector<std::string> found;
    bool known = false;
    for (std::size_t i = 0; i < at.nodes().size() && !known; ++i) {
      const auto state = at.state(i);
      if (!state.is_object()) continue;
      known = true;
      for (const auto& x : state.value("actors", json::array()))
        if (x["permits"].value("used", 0) != 0 || x["queue"].value("length", 0) != 0)
          found.push_back(fmt::format("{}: {} permits, {} waiting", x.value("path", "?"),
                                      x["permits"].value("used", 0),
                                      x["queue"].value("length", 0)));
    }
    if (!known) found.emplace_back("unknown: no router answers");
    if (found.empty() || clock::now() > give_up) return found;
    std::this_thread::sleep_for(std::chrono::milliseconds{100});
  }
}

/// Consecutive failures that the breaker of a model remembers; nothing if there is no such model.
std::optional<std::int64_t> remembered(arena& at, const std::string& path) {
  for (std::size_t i = 0; i < at.nodes().size(); ++i) {
    const auto state = at.state(i);
    if (!state.is_object()) continue;
    for (const auto& x : state.value("actors", json::array()))
      if (x.value("path", "") == path) return x["breaker"].value("failures", std::int64_t{-1});
  }
  return std::nullopt;
}

/// Three failures of a model that nobody asks any more: its breaker is to remember them.
void leave_scar(arena& at) {
  const auto url = at.urls().front();
  const json body{{"model", "scar"},
                  {"messages", json::array({{{"role", "user"}, {"content", "fail"}}})}};
  for (int i = 0; i < 3; ++i)
    request(url, "POST", "/v1/chat/completions", {{"Content-Type", "application/json"}},
            body.dump());
}

void count_restarts(arena& at, chaos_report& to) {
  for (std::size_t i = 0; i < to.nodes.size(); ++i) {
    const auto state = at.state(i);
    if (!state.is_object() || !state.contains("supervision")) continue;
    const auto& x = state["supervision"];
    to.restarts += x.value("restarts", std::uint64_t{0});
    to.supervisors += x.value("supervisors", std::uint64_t{0});
    if (x.value("failed", false))
      to.complaints.push_back("supervision of " + to.nodes[i] + " gave up");
  }
}

std::vector<strike> strikes_of(const experiment& of, arena& at) {
  targets_of_chance from;
  from.actors = at.actors();
  from.nodes = at.nodes();
  from.times = of.times;
  for (const auto& name : of.faults)
    from.faults.push_back(find_fault(name));
  auto all = random_strikes(from, of.seconds, of.seed);
  all.insert(all.end(), of.strikes.begin(), of.strikes.end());
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.at < b.at; });
  return all;
}

} // namespace

chaos_report run_experiment(const experiment& of, arena& at) {
  chaos_report report;
  report.of = of;
  report.targets = at.targets();
  report.nodes = at.nodes();
  const auto scarred = remembered(at, "model/scar");
  if (scarred) leave_scar(at);
  const auto strikes = strikes_of(of, at);
  record seen{clock::now()};
  striker hand{at, seen, report.nodes};
  {
    crowd load{of, at, seen};
    hand.run(strikes, load);
    if (const auto error = load.join(); !error.empty()) report.complaints.push_back(error);
  }
  report.strikes = std::move(hand.dealt);
  seen.finish(hand.absent, report);
  find_recoveries(report);
  report.held = still_held(at);
  report.limits = at.limits();
  count_restarts(at, report);
  const auto now = remembered(at, "model/scar");
  if (scarred && hand.absent.empty() && now != 3) // A node that is gone takes its breakers along.
    report.complaints.push_back(fmt::format(
        "the breaker of model/scar remembers {} failures instead of 3", now.value_or(-1)));
  return report;
}

} // namespace echelon::cli
