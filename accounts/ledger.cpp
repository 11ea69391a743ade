#include "accounts/ledger.hpp"

#include "config/log.hpp"

#include <algorithm>
#include <optional>

namespace echelon::accounts {

using namespace std::chrono_literals;

namespace {

/// Says once that the store is away, and once that it is back.
class outage {
public:
  explicit outage(const char* what) : what_(what) {}
  void away(const std::exception& why) {
    if (!away_) log().warn("{}: {}; trying again", what_, why.what());
    away_ = true;
  }
  void back() {
    if (away_) log().info("{}: the store is back", what_);
    away_ = false;
  }

private:
  const char* what_;
  bool away_ = false;
};

} // namespace

ledger::ledger(std::string url, const std::filesystem::path& spool)
    : url_(std::move(url)), journal_(spool) {
  store now{url_};
  carry(now);
  look_at_spent(now);
  revision_ = now.revision();
  keys_ = now.keys();
  threads_.emplace_back([this] { carry_usage(); });
  threads_.emplace_back([this] { answer_questions(); });
}

ledger::~ledger() {
  unwatch();
  {
    const std::lock_guard guard{mutex_};
    ending_ = true;
  }
  wake_.notify_all();
  for (auto& x : threads_)
    x.join();
}

void ledger::watch(std::function<void(const std::vector<key_record>&)> changed) {
  changed_ = std::move(changed);
  watching_ = std::thread{[this] { watch_keys(); }};
}

void ledger::unwatch() {
  {
    const std::lock_guard guard{mutex_};
    unwatched_ = true;
  }
  wake_.notify_all();
  if (watching_.joinable()) watching_.join();
}

spent_money ledger::spent(std::string_view key) const {
  const std::lock_guard guard{mutex_};
  const auto i = spent_->find(key);
  return i == spent_->end() ? spent_money{} : i->second;
}

void ledger::look_at_spent(store& from) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  auto found = std::make_shared<const spent_by_key>(
      from.spent(std::chrono::floor<std::chrono::days>(now).count()));
  const std::lock_guard guard{mutex_};
  spent_ = std::move(found);
}

void ledger::add(const usage_record& x) {
  journal_.append(to_line(x));
}

void ledger::ask(question what, std::function<void(store_reply)> then) {
  {
    const std::lock_guard guard{mutex_};
    questions_.emplace_back(std::move(what), std::move(then));
  }
  wake_.notify_all();
}

bool ledger::pause(std::chrono::milliseconds x) {
  std::unique_lock guard{mutex_};
  return !wake_.wait_for(guard, x, [this] { return ending_; });
}

bool ledger::pause_watch(std::chrono::milliseconds x) {
  std::unique_lock guard{mutex_};
  return !wake_.wait_for(guard, x, [this] { return unwatched_; });
}

void ledger::watch_keys() {
  std::optional<store> from;
  outage trouble{"keys of the store cannot be looked up"};
  for (int turn = 0; pause_watch(200ms); ++turn) {
    try {
      if (!from) from.emplace(url_);
      auto now = from->revision();
      trouble.back();
      if (turn % 5 == 0) look_at_spent(*from);
      if (now == revision_) continue;
      changed_(from->keys());
      revision_ = std::move(now);
    } catch (const std::exception& error) {
      from.reset();
      trouble.away(error);
    }
  }
}

void ledger::carry_usage() {
  std::optional<store> to;
  outage trouble{"usage waits in the journal"};
  for (bool last = false; !last;) {
    last = !pause(50ms);
    journal_.sync();
    try {
      if (!to) to.emplace(url_);
      carry(*to);
      trouble.back();
    } catch (const std::exception& error) {
      to.reset();
      trouble.away(error);
      last = last || !pause(200ms);
    }
  }
}

/// A file goes when all of its records are in the store: after a crash in between they are stored
/// again, which changes nothing.
void ledger::carry(store& to) {
  for (const auto& file : journal_.finished()) {
    std::vector<usage_record> batch;
    bool damaged = false;
    each_line(file, [&](const std::string& line) {
      try {
        batch.push_back(from_line(line));
      } catch (const store_error&) {
        damaged = true;
      }
      constexpr std::size_t most = 500;
      if (batch.size() < most) return;
      to.add(batch);
      batch.clear();
    });
    if (!batch.empty()) to.add(batch);
    std::error_code error;
    if (damaged) {
      log().error("{} has lines that are no usage records; it is kept as {}.damaged", file.string(),
                  file.string());
      std::filesystem::rename(file, file.string() + ".damaged", error);
    } else {
      std::filesystem::remove(file, error);
    }
  }
}

void ledger::answer_questions() {
  std::optional<store> from;
  std::unique_lock guard{mutex_};
  for (;;) {
    wake_.wait(guard, [this] { return ending_ || !questions_.empty(); });
    if (questions_.empty()) return;
    const auto [what, then] = std::move(questions_.front());
    questions_.pop_front();
    guard.unlock();
    store_reply reply;
    // A connection that has died while nobody asked is made anew.
    for (int tries = 0; tries < 2; ++tries) {
      try {
        if (!from) from.emplace(url_);
        reply = what(*from);
        break;
      } catch (const std::exception& error) {
        from.reset();
        reply = failure(503, std::string{"The store cannot be reached: "} + error.what() + '.',
                        "store_unreachable");
      }
    }
    then(std::move(reply));
    guard.lock();
  }
}

} // namespace echelon::accounts
