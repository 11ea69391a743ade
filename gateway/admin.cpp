// Health, metrics, model list and the admin API.
#include "config/url.hpp"
#include "engine/await_answer.hpp"
#include "engine/errors.hpp"
#include "engine/state.hpp"
#include "engine/telemetry/audit.hpp"
#include "gateway/accounts_api.hpp"
#include "gateway/admin_answer.hpp"
#include "gateway/auth.hpp"
#include "gateway/dashboard/dashboard.hpp"
#include "gateway/disturb.hpp"
#include "gateway/events.hpp"
#include "gateway/explain.hpp"
#include "gateway/front_load.hpp"
#include "gateway/session.hpp"

#include <boost/beast/http/verb.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <string_view>

namespace echelon::gateway {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using engine::answer_of;
using nlohmann::json;

namespace {

std::string_view field(const http_message& m, http::field name) {
  const auto x = m[name];
  return {x.data(), x.size()};
}

/// With a token: who presents it. Without: clients on this machine only.
bool admin_allowed(const config::server_config& server, const connection& from,
                   const http_message& m) {
  if (server.admin_token.empty()) return from.loopback;
  return same_secret(server.admin_token, presented_key(field(m, http::field::authorization), {}));
}

asio::awaitable<void> serve_state(router& of, connection& client) {
  const auto found = co_await engine::actor_states(of);
  const auto body = engine::state_json(of, found);
  co_await answer(client, 200, body);
}

asio::awaitable<void> serve_explain(router& of, connection& client, std::string target) {
  const auto now = of.current();
  const auto found = co_await engine::actor_states(of);
  const auto x = explain_now(*now, target, found);
  if (x) {
    co_await answer(client, 200, *x);
    co_return;
  }
  const auto error = engine::unknown_target(target, *now->topology);
  co_await fail(client, error.status, error.message, error.code);
}

asio::awaitable<void> serve_models(router& of, connection& client, const http_message& m) {
  const auto now = of.current();
  const auto key = m["x-api-key"];
  const auto who =
      find_caller(now->config->auth,
                  presented_key(field(m, http::field::authorization), {key.data(), key.size()}),
                  std::chrono::system_clock::now());
  if (!who) {
    co_await fail(client, 401, "Missing or unknown API key. Send it as Authorization: Bearer KEY.",
                  "invalid_api_key");
    co_return;
  }
  json data = json::array();
  for (const auto& name : now->topology->target_names)
    if (may_ask(*who, name))
      data.push_back({{"id", name}, {"object", "model"}, {"created", 0}, {"owned_by", "echelon"}});
  const json body{{"object", "list"}, {"data", std::move(data)}};
  co_await answer(client, 200, body);
}

asio::awaitable<void> serve_reload(router& of, connection& client) {
  auto start = [&of](auto then) { of.reload_apart(std::move(then)); };
  const auto result = co_await answer_of<engine::reload_result>(std::move(start));
  json messages = json::array();
  for (const auto& x : result.messages)
    messages.push_back(x);
  const json body{{"reloaded", result.ok},
                  {"config_version", result.version},
                  {"diagnostics", messages},
                  {"changes",
                   {{"added", result.changes.added},
                    {"removed", result.changes.removed},
                    {"changed", result.changes.changed},
                    {"need_restart", result.changes.need_restart}}}};
  client.done = (result.ok ? "configuration version " : "refused, still configuration version ")
                + std::to_string(result.version);
  co_await answer(client, result.ok ? 200 : 422, body);
}

asio::awaitable<bool> serve_request_record(router& of, connection& client, std::string_view id) {
  const auto found = of.records().find(std::string{id});
  if (found) {
    co_await answer(client, 200, to_json(*found));
  } else {
    co_await fail(client, 404, "There is no record of that request; the newest 10000 are kept.",
                  "record_not_found");
  }
  co_return true;
}

} // namespace

void audit_admin(router& of, const connection& client, const http_message& m) {
  const std::string_view target{m.target().data(), m.target().size()};
  if (!of.audit_log().on() || target.substr(0, 7) != "/admin/") return;
  const bool allowed = client.status != 401 && client.status != 403;
  const bool looks = m.method() == http::verb::get || m.method() == http::verb::head;
  if (looks && allowed) return;
  constexpr std::size_t most = 256;
  const auto method = m.method_string();
  const bool token = !of.current()->config->server.admin_token.empty();
  engine::audit(of.audit_log(),
                {.action = std::string{method.data(), method.size()} + ' '
                           + std::string{target.substr(0, std::min(target.find('?'), most))},
                 .by = !allowed ? "unknown"
                       : token  ? "admin_token"
                                : "loopback",
                 .address = client.address,
                 .allowed = allowed,
                 .done = client.status < 400,
                 .status = client.status,
                 .detail = client.done});
}

asio::awaitable<bool> serve_admin(router& of, connection& client, const http_message& m) {
  const std::string_view target{m.target().data(), m.target().size()};
  const auto path = target.substr(0, target.find('?'));
  const bool get = m.method() == http::verb::get || m.method() == http::verb::head;
  const bool post = m.method() == http::verb::post;
  if (path == "/healthz" && get) {
    const json body{{"status", "ok"}};
    co_await answer(client, 200, body);
    co_return true;
  }
  if (path == "/readyz" && get) {
    // A member of a cluster without its quorum or lease admits nothing.
    const auto* node = of.node();
    const bool alone = node != nullptr && !node->status().acts;
    const auto* why = alone && node->status().membership == "etcd" ? "no lease" : "no quorum";
    const bool ready = !of.draining && !alone && !of.failed;
    const json body{{"status", ready ? "ready" : of.failed ? "failed" : alone ? why : "draining"}};
    co_await answer(client, ready ? 200 : 503, body);
    co_return true;
  }
  if (path == "/v1/models" && get) {
    co_await serve_models(of, client, m);
    co_return true;
  }
  if (path == "/metrics" && get) {
    const auto found = co_await engine::actor_states(of);
    const header_fields none;
    const auto admissions = of.hierarchy().admissions();
    auto text = of.counters().text(found, of.in_flight, of.hierarchy().supervision(),
                                   of.node() != nullptr ? &admissions : nullptr);
    text += client.load.metrics();
    co_await write_answer(client, 200, "text/plain; version=0.0.4; charset=utf-8", none, text);
    co_return true;
  }
  if (get && co_await serve_dashboard(client, path, field(m, http::field::if_none_match)))
    co_return true;
  constexpr std::string_view prefix = "/admin/";
  if (path.substr(0, prefix.size()) != prefix) co_return false;
  if (!admin_allowed(of.current()->config->server, client, m)) {
    co_await fail(client, 401, "The admin API needs Authorization: Bearer <server.admin_token>.",
                  "invalid_admin_token");
    co_return true;
  }
  const auto rest = path.substr(prefix.size());
  constexpr std::string_view requests = "requests/", actors = "actors/";
  if (rest == "state" && get) {
    co_await serve_state(of, client);
    co_return true;
  }
  if (co_await serve_accounts(of, client, m, rest)) co_return true;
  if (rest == "events" && get) {
    co_await serve_events(of, client);
    co_return true;
  }
  if (rest == "requests" && get) {
    json list = json::array();
    for (const auto& x : of.records().newest(100))
      list.push_back(to_json(x));
    const json body{{"requests", std::move(list)}};
    co_await answer(client, 200, body);
    co_return true;
  }
  if (rest.substr(0, requests.size()) == requests && get)
    co_return co_await serve_request_record(of, client, rest.substr(requests.size()));
  if (rest == "reload" && post) {
    co_await serve_reload(of, client);
    co_return true;
  }
  if (rest == "drain" && post) {
    of.begin_drain();
    const json body{{"draining", true}};
    co_await answer(client, 202, body);
    co_return true;
  }
  constexpr std::string_view explaining = "explain/";
  if (rest.substr(0, explaining.size()) == explaining && get) {
    auto name = config::unescaped(rest.substr(explaining.size()));
    co_await serve_explain(of, client, std::move(name));
    co_return true;
  }
  if (rest.substr(0, actors.size()) == actors && post) {
    const auto query = path.size() < target.size() ? target.substr(path.size() + 1) : "";
    co_return co_await serve_disturbance(of, client, rest.substr(actors.size()), query);
  }
  co_return false;
}

} // namespace echelon::gateway
