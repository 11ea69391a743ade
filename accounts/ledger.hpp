/// Keys come from the store, usage goes there; nobody who serves a request waits for it.
#pragma once

#include "accounts/journal.hpp"
#include "accounts/requests.hpp"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace echelon::accounts {

/// Three threads with a connection each: one looks for changed keys five times a second and for
/// what was spent once, one takes usage from the journal to the store, one answers questions.
/// Thread-safe.
class ledger {
public:
  using question = std::function<store_reply(store&)>;

  /// Takes what the journal of an earlier process still has to the store. Throws store_error if the
  /// store cannot be reached or the spool folder not be used.
  ledger(std::string url, const std::filesystem::path& spool);
  /// Usage of the last moments goes to the store if that is there, else it stays in the journal.
  ~ledger();
  ledger(const ledger&) = delete;
  ledger& operator=(const ledger&) = delete;

  /// Keys as they were when this was made.
  [[nodiscard]] const std::vector<key_record>& first_keys() const { return keys_; }
  /// `changed` is called on a thread of the ledger with all keys whenever they are others.
  void watch(std::function<void(const std::vector<key_record>&)> changed);
  /// `changed` is not called any more when this returns.
  void unwatch();
  /// What this key has spent by the last look at the store, a second ago at most while that is
  /// there.
  [[nodiscard]] spent_money spent(std::string_view key) const;
  /// Survives this process when it returns; never blocks for the store.
  void add(const usage_record& x);
  /// `then` is called on a thread of the ledger; with 503 if the store cannot be reached.
  void ask(question what, std::function<void(store_reply)> then);

private:
  void watch_keys();
  void carry_usage();
  void answer_questions();
  void carry(store& to);
  void look_at_spent(store& from);
  /// False: it is time to end.
  bool pause(std::chrono::milliseconds x);
  bool pause_watch(std::chrono::milliseconds x);

  const std::string url_;
  journal journal_;
  std::vector<key_record> keys_;
  std::string revision_;
  std::function<void(const std::vector<key_record>&)> changed_;
  std::shared_ptr<const spent_by_key> spent_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::pair<question, std::function<void(store_reply)>>> questions_;
  bool ending_ = false, unwatched_ = false;
  std::vector<std::thread> threads_;
  std::thread watching_;
};

} // namespace echelon::accounts
