#include "gateway/accounts_api.hpp"

#include "config/url.hpp"
#include "engine/await_answer.hpp"
#include "providers/json_read.hpp"

#include <boost/beast/http/verb.hpp>

#include <algorithm>
#include <map>
#include <string>

namespace echelon::gateway {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using accounts::store_reply;
using nlohmann::json;

namespace {

/// `%41` and `+` stand for other characters (application/x-www-form-urlencoded).
std::string decoded(std::string_view x) {
  std::string text{x};
  std::replace(text.begin(), text.end(), '+', ' ');
  return config::unescaped(text);
}

std::map<std::string, std::string> parameters(std::string_view query) {
  std::map<std::string, std::string> found;
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const auto one = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const auto equals = std::min(one.find('='), one.size());
    if (one.empty()) continue;
    found[decoded(one.substr(0, equals))] = decoded(one.substr(std::min(equals + 1, one.size())));
  }
  return found;
}

/// What the request asks of the store; null: there is no such path.
accounts::ledger::question question_of(const http_message& m, std::string_view path) {
  constexpr std::string_view one = "keys/";
  if (path == "usage" && m.method() == http::verb::get) {
    const std::string_view target{m.target().data(), m.target().size()};
    const auto mark = std::min(target.find('?'), target.size());
    auto asked = parameters(target.substr(std::min(mark + 1, target.size())));
    return [asked = std::move(asked)](accounts::store& in) { return usage(in, asked); };
  }
  if (path == "keys" && m.method() == http::verb::get)
    return [](accounts::store& in) { return list_keys(in); };
  if (path == "keys" && m.method() == http::verb::post) {
    auto wanted = json::parse(m.body(), nullptr, false);
    return [wanted = std::move(wanted)](accounts::store& in) { return create_key(in, wanted); };
  }
  if (path.substr(0, one.size()) == one && m.method() == http::verb::delete_) {
    auto name = decoded(path.substr(one.size()));
    return [name = std::move(name)](accounts::store& in) { return revoke_key(in, name); };
  }
  return nullptr;
}

} // namespace

asio::awaitable<bool> serve_accounts(engine::router& of, connection& client, const http_message& m,
                                     std::string_view path) {
  auto question = question_of(m, path);
  if (!question) co_return false;
  store_reply reply;
  if (auto* ledger = of.ledger(); ledger == nullptr) {
    reply = accounts::failure(404, "There is no store; auth.store names one.", "no_store");
  } else {
    auto start = [ledger, question = std::move(question)](auto then) {
      ledger->ask(question, std::move(then));
    };
    reply = co_await engine::answer_of<store_reply>(std::move(start));
  }
  const header_fields none;
  const auto text = providers::dump(reply.body);
  co_await write_answer(client, reply.status, "application/json", none, text);
  co_return true;
}

} // namespace echelon::gateway
