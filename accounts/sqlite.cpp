#include "accounts/database.hpp"
#include "accounts/records.hpp"

#include <sqlite3.h>

#include <chrono>
#include <thread>

namespace echelon::accounts {
namespace {

class sqlite final : public database {
public:
  explicit sqlite(const std::string& path) {
    const auto flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX;
    const bool open = sqlite3_open_v2(path.c_str(), &db_, flags, nullptr) == SQLITE_OK;
    if (!open) {
      const std::string why = db_ != nullptr ? sqlite3_errmsg(db_) : "out of memory";
      sqlite3_close(db_);
      throw store_error{"cannot open " + path + ": " + why};
    }
    try {
      sqlite3_busy_timeout(db_, 5000); // Milliseconds; other processes write too.
      use_wal();
      run("PRAGMA synchronous=FULL", {});
    } catch (...) {
      sqlite3_close(db_);
      throw;
    }
  }
  ~sqlite() override { sqlite3_close(db_); }
  sqlite(const sqlite&) = delete;
  sqlite& operator=(const sqlite&) = delete;

  std::vector<row> run(const std::string& sql, const std::vector<std::string>& values) override {
    sqlite3_stmt* raw = nullptr;
    check(sqlite3_prepare_v2(db_, sql.c_str(), -1, &raw, nullptr));
    const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement{raw, sqlite3_finalize};
    for (std::size_t i = 0; i < values.size(); ++i)
      check(sqlite3_bind_text(raw, static_cast<int>(i + 1), values[i].c_str(),
                              static_cast<int>(values[i].size()), nullptr));
    std::vector<row> found;
    for (;;) {
      const int step = sqlite3_step(raw);
      if (step == SQLITE_DONE) return found;
      if (step != SQLITE_ROW) check(step);
      auto& to = found.emplace_back();
      for (int i = 0; i < sqlite3_column_count(raw); ++i) {
        const auto* text = sqlite3_column_text(raw, i);
        to.emplace_back(text != nullptr ? reinterpret_cast<const char*>(text) : "");
      }
    }
  }

  void all_or_nothing(const std::function<void()>& what) override {
    run("BEGIN IMMEDIATE", {});
    try {
      what();
      run("COMMIT", {});
    } catch (...) {
      sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
      throw;
    }
  }

private:
  /// Several that come at once to a new file are not made to wait for each other by SQLite here.
  void use_wal() {
    for (int tries = 0;; ++tries) {
      try {
        run("PRAGMA journal_mode=WAL", {});
        return;
      } catch (const store_error&) {
        if (tries == 100) throw;
        std::this_thread::sleep_for(std::chrono::milliseconds{20});
      }
    }
  }
  void check(int code) {
    if (code != SQLITE_OK) throw store_error{std::string{"SQLite: "} + sqlite3_errmsg(db_)};
  }
  sqlite3* db_ = nullptr;
};

} // namespace

std::unique_ptr<database> open_sqlite(const std::string& path) {
  return std::make_unique<sqlite>(path);
}

} // namespace echelon::accounts
