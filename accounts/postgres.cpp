#include "accounts/database.hpp"
#include "accounts/records.hpp"

#include <pqxx/pqxx>

#include <optional>
#include <string_view>

namespace echelon::accounts {
namespace {

class postgres final : public database {
public:
  explicit postgres(const std::string& url) {
    attempt([&] {
      try {
        db_.emplace(url);
      } catch (const pqxx::broken_connection& error) {
        // What is wrong with a URL is told with all of it, the password too.
        if (std::string_view{error.what()}.find(url) == std::string_view::npos) throw;
        throw store_error{"PostgreSQL: the URL of the store is not valid"};
      }
      // A server that hangs must not hold us up for ever.
      pqxx::nontransaction work{*db_};
      work.exec("SET statement_timeout = '10s'; SET client_min_messages = warning");
    });
  }

  std::vector<row> run(const std::string& sql, const std::vector<std::string>& values) override {
    std::vector<row> found;
    attempt([&] {
      if (work_) {
        found = exec(*work_, sql, values);
        return;
      }
      pqxx::work work{*db_};
      found = exec(work, sql, values);
      work.commit();
    });
    return found;
  }

  void all_or_nothing(const std::function<void()>& what) override {
    attempt([&] { work_.emplace(*db_); });
    try {
      what();
      attempt([&] { work_->commit(); });
    } catch (...) {
      work_.reset();
      throw;
    }
    work_.reset();
  }

private:
  static std::vector<row> exec(pqxx::transaction_base& work, const std::string& sql,
                               const std::vector<std::string>& values) {
    const auto result = work.exec_params(sql, pqxx::prepare::make_dynamic_params(values));
    std::vector<row> found;
    for (const auto& from : result) {
      auto& to = found.emplace_back();
      for (const auto& field : from)
        to.emplace_back(field.c_str());
    }
    return found;
  }

  template <class Work>
  static void attempt(Work&& what) {
    try {
      what();
    } catch (const pqxx::failure& error) {
      throw store_error{std::string{"PostgreSQL: "} + error.what()};
    }
  }

  std::optional<pqxx::connection> db_;
  std::optional<pqxx::work> work_;
};

} // namespace

std::unique_ptr<database> open_postgres(const std::string& url) {
  // Unless the URL says otherwise, a server that cannot be reached is given up soon.
  const bool own = url.find("connect_timeout=") != std::string::npos;
  const auto mark = url.find('?') == std::string::npos ? '?' : '&';
  return std::make_unique<postgres>(own ? url
                                        : url + mark + "connect_timeout=3&tcp_user_timeout=10000");
}

} // namespace echelon::accounts
