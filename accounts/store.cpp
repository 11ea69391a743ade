#include "accounts/store.hpp"

#include <algorithm>
#include <map>

namespace echelon::accounts {

using nlohmann::json;

namespace {

constexpr const char* tables[] = {
    "CREATE TABLE IF NOT EXISTS echelon_keys (name TEXT PRIMARY KEY, sha256 TEXT NOT NULL UNIQUE, "
    "targets TEXT NOT NULL, rpm BIGINT NOT NULL, tpm BIGINT NOT NULL, concurrency BIGINT NOT NULL, "
    "daily BIGINT NOT NULL, monthly BIGINT NOT NULL, expires TEXT NOT NULL, created TEXT NOT NULL, "
    "revoked TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS echelon_usage (id TEXT PRIMARY KEY, at_ms BIGINT NOT NULL, "
    "day TEXT NOT NULL, key_name TEXT NOT NULL, target TEXT NOT NULL, model TEXT NOT NULL, "
    "prompt BIGINT NOT NULL, completion BIGINT NOT NULL, cost BIGINT NOT NULL, "
    "estimated BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS echelon_spent (key_name TEXT NOT NULL, day TEXT NOT NULL, "
    "cost BIGINT NOT NULL, PRIMARY KEY (key_name, day))",
    "CREATE INDEX IF NOT EXISTS echelon_usage_at ON echelon_usage (at_ms)",
    "CREATE INDEX IF NOT EXISTS echelon_usage_key ON echelon_usage (key_name, at_ms)",
    "CREATE TABLE IF NOT EXISTS echelon_revision (one INTEGER PRIMARY KEY, n BIGINT NOT NULL)",
    "INSERT INTO echelon_revision VALUES (1, 1) ON CONFLICT DO NOTHING",
};

constexpr const char* change = "UPDATE echelon_revision SET n = n + 1";

std::uint32_t number(const std::string& x) {
  return static_cast<std::uint32_t>(std::stoul(x));
}

std::int64_t whole(const std::string& x) {
  return std::stoll(x);
}

const char* column_of(const std::string& name) {
  return name == "key"      ? "key_name"
         : name == "target" ? "target"
         : name == "model"  ? "model"
                            : "day";
}

} // namespace

bool known_database(const std::string& url) {
  return url.rfind("sqlite:", 0) == 0 || url.rfind("postgresql://", 0) == 0
         || url.rfind("postgres://", 0) == 0;
}

std::unique_ptr<database> open_database(const std::string& url) {
  if (url.rfind("sqlite:", 0) == 0) return open_sqlite(url.substr(7));
  if (known_database(url)) return open_postgres(url);
  throw store_error{"a store is sqlite:PATH or postgresql://..."};
}

store::store(const std::string& url) : db_(open_database(url)) {
  // Several nodes may start at once: two that make the same table disturb each other.
  for (int tries = 0;; ++tries) {
    try {
      for (const auto* sql : tables)
        db_->run(sql);
      return;
    } catch (const store_error&) {
      if (tries == 3) throw;
      db_ = open_database(url);
    }
  }
}

std::string store::revision() {
  return db_->run("SELECT n FROM echelon_revision").at(0).at(0);
}

std::vector<key_record> store::keys() {
  std::vector<key_record> found;
  for (const auto& x :
       db_->run("SELECT name, sha256, targets, rpm, tpm, concurrency, daily, "
                "monthly, expires, created, revoked FROM echelon_keys ORDER BY name"))
    found.push_back({x[0], x[1], json::parse(x[2]).get<std::vector<std::string>>(), number(x[3]),
                     number(x[4]), number(x[5]), whole(x[6]), whole(x[7]), x[8], x[9], x[10]});
  return found;
}

bool store::create(const key_record& x) {
  bool made = false;
  db_->all_or_nothing([&] {
    made = !db_->run("INSERT INTO echelon_keys VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
                     "'') ON CONFLICT DO NOTHING RETURNING name",
                     {x.name, x.sha256, json(x.targets).dump(), std::to_string(x.rpm_limit),
                      std::to_string(x.tpm_limit), std::to_string(x.concurrency_limit),
                      std::to_string(x.daily_budget), std::to_string(x.monthly_budget), x.expires,
                      x.created})
                .empty();
    if (made) db_->run(change);
  });
  return made;
}

bool store::revoke(const std::string& name, const std::string& when) {
  bool done = false;
  db_->all_or_nothing([&] {
    done = !db_->run("UPDATE echelon_keys SET revoked = $1 WHERE name = $2 AND revoked = '' "
                     "RETURNING name",
                     {when, name})
                .empty();
    if (done) db_->run(change);
  });
  return done;
}

// What was spent is added up for those records alone that were not there before.
void store::add(const std::vector<usage_record>& all) {
  if (all.empty()) return;
  std::string sql = "INSERT INTO echelon_usage VALUES ";
  std::vector<std::string> values;
  for (const auto& x : all) {
    const std::vector<std::string> row{x.id,
                                       std::to_string(x.at_ms),
                                       day_text(day_number(x.at_ms)),
                                       x.key,
                                       x.target,
                                       x.model,
                                       std::to_string(x.prompt_tokens),
                                       std::to_string(x.completion_tokens),
                                       std::to_string(x.cost),
                                       x.estimated ? "1" : "0"};
    sql += values.empty() ? "(" : ", (";
    for (std::size_t i = 0; i < row.size(); ++i)
      sql += (i == 0 ? "$" : ", $") + std::to_string(values.size() + i + 1);
    sql += ')';
    values.insert(values.end(), row.begin(), row.end());
  }
  sql += " ON CONFLICT DO NOTHING RETURNING key_name, day, cost";
  db_->all_or_nothing([&] {
    // In one order, so that two nodes never wait for each other.
    std::map<std::pair<std::string, std::string>, std::int64_t> spent;
    for (const auto& x : db_->run(sql, values))
      spent[{x[0], x[1]}] += whole(x[2]);
    for (const auto& [of, cost] : spent)
      db_->run("INSERT INTO echelon_spent VALUES ($1, $2, $3) ON CONFLICT (key_name, day) "
               "DO UPDATE SET cost = echelon_spent.cost + excluded.cost",
               {of.first, of.second, std::to_string(cost)});
  });
}

spent_by_key store::spent(std::int64_t day) {
  const auto today = day_text(day);
  spent_by_key found;
  for (const auto& x : db_->run("SELECT key_name, SUM(CASE WHEN day = $1 THEN cost ELSE 0 END), "
                                "SUM(cost) FROM echelon_spent WHERE day >= $2 AND day <= $3 "
                                "GROUP BY key_name",
                                {today, today.substr(0, 8) + "01", today}))
    found[x[0]] = {day, whole(x[1]), whole(x[2])};
  return found;
}

json store::usage(const usage_query& x) {
  std::string columns;
  for (const auto& name : x.by)
    columns += std::string{column_of(name)} + ", ";
  std::vector<std::string> values{std::to_string(x.from_ms)};
  std::string where = " WHERE at_ms >= $1";
  const auto only = [&](const std::string& test, const std::string& value) {
    values.push_back(value);
    where += " AND " + test + " $" + std::to_string(values.size());
  };
  if (x.to_ms != 0) only("at_ms <", std::to_string(x.to_ms));
  if (!x.key.empty()) only("key_name =", x.key);
  if (!x.target.empty()) only("target =", x.target);
  if (!x.model.empty()) only("model =", x.model);
  auto sql = "SELECT " + columns
             + "COUNT(*), COALESCE(SUM(prompt), 0), "
               "COALESCE(SUM(completion), 0), COALESCE(SUM(cost), 0) FROM echelon_usage"
             + where;
  if (!columns.empty()) {
    columns.resize(columns.size() - 2);
    sql += " GROUP BY " + columns + " ORDER BY " + columns;
  }
  const auto limit = std::clamp<std::uint32_t>(x.limit, 1, 10000);
  sql += " LIMIT " + std::to_string(limit + 1) + " OFFSET " + std::to_string(x.offset);
  json rows = json::array();
  const auto found = db_->run(sql, values);
  for (std::size_t i = 0; i < found.size() && i < limit; ++i) {
    json to;
    std::size_t at = 0;
    for (const auto& name : x.by)
      to[name] = found[i][at++];
    to["requests"] = std::stoll(found[i][at]);
    to["prompt_tokens"] = std::stoll(found[i][at + 1]);
    to["completion_tokens"] = std::stoll(found[i][at + 2]);
    to["cost"] = static_cast<double>(std::stoll(found[i][at + 3])) / 1e6;
    rows.push_back(std::move(to));
  }
  const bool more = found.size() > limit;
  return {{"rows", std::move(rows)},
          {"next_offset", more ? json(x.offset + limit) : json(nullptr)}};
}

} // namespace echelon::accounts
