#include "cli/accounts/command.hpp"

#include "accounts/requests.hpp"
#include "cli/commands.hpp"
#include "cli/http_client.hpp"
#include "config/load.hpp"
#include "config/url.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <stdexcept>

namespace echelon::cli {

using accounts::store_reply;
using nlohmann::json;

namespace {

/// Where keys and usage are asked for; a running router unless one of the others is given.
struct place {
  std::string store, config, url = default_url, token;
  bool as_json = false;
};

/// What is asked, in both ways.
struct request_of_store {
  std::string method, path; ///< Of the admin API.
  json body;                ///< Null: none.
  std::function<store_reply(accounts::store&)> direct;
};

std::string store_of(const place& where) {
  if (!where.store.empty()) return where.store;
  config::load_options how;
  how.simulate = true; // Keys of providers are not needed.
  const auto loaded = config::load(where.config, how);
  if (!loaded.config)
    throw std::runtime_error("the configuration has errors: echelon validate --config "
                             + where.config);
  if (loaded.config->auth.store.empty())
    throw std::runtime_error("the configuration names no auth.store");
  return loaded.config->auth.store;
}

store_reply ask(const place& where, const request_of_store& what) {
  if (!where.store.empty() || !where.config.empty()) {
    accounts::store direct{store_of(where)};
    return what.direct(direct);
  }
  std::vector<std::pair<std::string, std::string>> headers;
  if (!where.token.empty()) headers.emplace_back("Authorization", "Bearer " + where.token);
  if (!what.body.is_null()) headers.emplace_back("Content-Type", "application/json");
  const auto answer = request(where.url, what.method, what.path, headers,
                              what.body.is_null() ? std::string{} : what.body.dump());
  auto body = json::parse(answer.body, nullptr, false);
  if (body.is_discarded())
    throw std::runtime_error(where.url + " does not answer as a router does");
  return {answer.status, std::move(body)};
}

/// The exit code. `show` prints an answer for people.
int run(const place& where, const request_of_store& what,
        const std::function<void(const json&)>& show) {
  try {
    const auto reply = ask(where, what);
    if (!reply.ok()) {
      const auto error = reply.body.value("error", json::object());
      std::cerr << "echelon: " << error.value("message", reply.body.dump()) << '\n';
      return 1;
    }
    if (where.as_json)
      std::cout << reply.body.dump(2) << '\n';
    else
      show(reply.body);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "echelon: " << error.what() << '\n';
    return 2;
  }
}

std::string text(const json& x) {
  if (x.is_null()) return "-";
  if (x.is_string()) return x.get<std::string>();
  return x.dump();
}

std::string joined(const json& names) {
  std::string all;
  for (const auto& x : names)
    all += (all.empty() ? "" : ",") + x.get<std::string>();
  return all.empty() ? "all" : all;
}

void show_keys(const json& body) {
  constexpr auto line = "{:<24} {:<20} {:>8} {:>9} {:>5} {:>10} {:>10}  {:<20}  {}\n";
  std::cout << fmt::format(line, "NAME", "TARGETS", "RPM", "TPM", "CONC", "PER DAY", "PER MONTH",
                           "EXPIRES", "REVOKED");
  for (const auto& x : body["keys"])
    std::cout << fmt::format(line, text(x["name"]), joined(x["targets"]), text(x["rpm_limit"]),
                             text(x["tpm_limit"]), text(x["concurrency_limit"]),
                             text(x["daily_budget"]), text(x["monthly_budget"]), text(x["expires"]),
                             text(x["revoked"]));
}

void show_usage(const json& body, const std::vector<std::string>& by) {
  std::string head;
  for (auto name : by) {
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    head += fmt::format("{:<28} ", name);
  }
  std::cout << head
            << fmt::format("{:>10} {:>14} {:>14} {:>14}\n", "REQUESTS", "PROMPT", "COMPLETION",
                           "COST");
  for (const auto& x : body["rows"]) {
    for (const auto& name : by)
      std::cout << fmt::format("{:<28} ", text(x[name]));
    std::cout << fmt::format("{:>10} {:>14} {:>14} {:>14.6f}\n", text(x["requests"]),
                             text(x["prompt_tokens"]), text(x["completion_tokens"]),
                             x["cost"].get<double>());
  }
  if (!body["next_offset"].is_null()) std::cout << "more: --offset " << body["next_offset"] << '\n';
}

void add_place(CLI::App& to, place& where) {
  auto* store = to.add_option("--store", where.store,
                              "sqlite:PATH or postgresql://...; no router is needed then");
  auto* config = to.add_option("--config", where.config,
                               "Configuration whose auth.store is meant; no router is needed then");
  // Not by envname(): one that is set would be in the way of --store.
  if (const char* url = std::getenv("ECHELON_URL"); url != nullptr) where.url = url;
  to.add_option("--url", where.url, "Where the running router is, also from ECHELON_URL")
      ->capture_default_str()
      ->excludes(store)
      ->excludes(config);
  to.add_option("--token", where.token, "server.admin_token")->envname("ECHELON_ADMIN_TOKEN");
  to.add_flag("--json", where.as_json, "As JSON");
  store->excludes(config);
}

/// A value of a query.
std::string encoded(const std::string& x) {
  return config::escaped(x, "-_.,:");
}

void add_create(CLI::App& keys, int& code) {
  struct wish {
    place where;
    std::string name, expires;
    std::vector<std::string> targets;
    std::int64_t rpm = 0, tpm = 0, concurrency = 0;
    double daily = 0, monthly = 0;
  };
  const auto x = std::make_shared<wish>();
  auto* create = keys.add_subcommand("create", "Make a key; it is shown once and never again");
  create->add_option("name", x->name, "Name of the key")->required();
  create->add_option("--targets", x->targets, "What it may ask for, a,b; without it everything")
      ->delimiter(',');
  create->add_option("--rpm", x->rpm, "Requests in any 60 s");
  create->add_option("--tpm", x->tpm, "LLM tokens in any 60 s");
  create->add_option("--concurrency", x->concurrency, "Requests at once");
  create->add_option("--daily-budget", x->daily, "US dollars a day, UTC");
  create->add_option("--monthly-budget", x->monthly, "US dollars a month, UTC");
  create->add_option("--expires", x->expires, "UTC time, 2027-01-31T00:00:00Z");
  add_place(*create, x->where);
  create->callback([x, create, &code] {
    json body{{"name", x->name}};
    const auto given = [&](const char* option) { return create->count(option) != 0; };
    if (given("--targets")) body["targets"] = x->targets;
    if (given("--rpm")) body["rpm_limit"] = x->rpm;
    if (given("--tpm")) body["tpm_limit"] = x->tpm;
    if (given("--concurrency")) body["concurrency_limit"] = x->concurrency;
    if (given("--daily-budget")) body["daily_budget"] = x->daily;
    if (given("--monthly-budget")) body["monthly_budget"] = x->monthly;
    if (given("--expires")) body["expires"] = x->expires;
    const auto direct = [body](accounts::store& in) { return create_key(in, body); };
    code = run(x->where, {"POST", "/admin/keys", body, direct}, [](const json& made) {
      std::cout << made["key"].get<std::string>() << '\n';
      std::cerr << "Key '" << made["name"].get<std::string>()
                << "' is made. Keep it now: only its hash is stored.\n";
    });
  });
}

} // namespace

void add_accounts_commands(CLI::App& app, int& code) {
  auto* keys = app.add_subcommand("keys", "Make, list and revoke keys of clients in auth.store")
                   ->require_subcommand(1);
  add_create(*keys, code);

  const auto listed = std::make_shared<place>();
  auto* list = keys->add_subcommand("list", "Show all keys of the store, revoked ones too");
  add_place(*list, *listed);
  list->callback([listed, &code] {
    code = run(*listed, {"GET", "/admin/keys", nullptr, accounts::list_keys}, show_keys);
  });

  const auto from = std::make_shared<place>();
  const auto name = std::make_shared<std::string>();
  auto* revoke = keys->add_subcommand("revoke", "Refuse a key on all nodes within a second");
  revoke->add_option("name", *name, "Name of the key")->required();
  add_place(*revoke, *from);
  revoke->callback([from, name, &code] {
    const auto direct = [name](accounts::store& in) { return revoke_key(in, *name); };
    code = run(*from, {"DELETE", "/admin/keys/" + encoded(*name), nullptr, direct},
               [&](const json&) { std::cout << "Key '" << *name << "' is revoked.\n"; });
  });

  const auto asked = std::make_shared<place>();
  const auto filters = std::make_shared<std::map<std::string, std::string>>();
  auto* usage = app.add_subcommand("usage", "Show requests, tokens and cost from auth.store");
  for (const auto& [option, about] : std::vector<std::pair<std::string, std::string>>{
           {"by", "Some of key,target,model,day: one row for each; key without it"},
           {"key", "Of this key alone"},
           {"target", "Of this target alone"},
           {"model", "Of this model alone"},
           {"from", "From this day or time (UTC) on, 2027-01-31 or 2027-01-31T12:00:00Z"},
           {"to", "Up to this day or time, which is not counted"},
           {"limit", "Most rows, 1 to 10000; 100 without it"},
           {"offset", "Rows to leave out"}})
    usage->add_option("--" + option, (*filters)[option], about);
  add_place(*usage, *asked);
  usage->callback([asked, filters, usage, &code] {
    std::map<std::string, std::string> parameters;
    std::string path = "/admin/usage";
    for (const auto& [option, value] : *filters) {
      if (usage->count("--" + option) == 0) continue;
      parameters[option] = value;
      path += (parameters.size() == 1 ? '?' : '&') + option + '=' + encoded(value);
    }
    const auto by = parameters.count("by") != 0 ? CLI::detail::split(parameters["by"], ',')
                                                : std::vector<std::string>{"key"};
    const auto direct = [parameters](accounts::store& in) {
      return accounts::usage(in, parameters);
    };
    code = run(*asked, {"GET", path, nullptr, direct},
               [&](const json& body) { show_usage(body, by); });
  });
}

} // namespace echelon::cli
