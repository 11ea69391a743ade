/// One connection to an SQL database, as little of it as the store needs.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace echelon::accounts {

/// Not thread-safe. Everything throws store_error; after that the connection is not used again.
class database {
public:
  using row = std::vector<std::string>;

  virtual ~database() = default;
  /// One statement; its parameters are `$1`, `$2`, ... in order of their first use.
  virtual std::vector<row> run(const std::string& sql, const std::vector<std::string>& values) = 0;
  std::vector<row> run(const std::string& sql) { return run(sql, {}); }
  /// All that `what` does, or nothing of it.
  virtual void all_or_nothing(const std::function<void()>& what) = 0;
};

/// `sqlite:PATH` (made if it is not there) or `postgresql://...`.
[[nodiscard]] std::unique_ptr<database> open_database(const std::string& url);
[[nodiscard]] std::unique_ptr<database> open_sqlite(const std::string& path);
[[nodiscard]] std::unique_ptr<database> open_postgres(const std::string& url);

/// Whether open_database() knows the scheme.
[[nodiscard]] bool known_database(const std::string& url);

} // namespace echelon::accounts
