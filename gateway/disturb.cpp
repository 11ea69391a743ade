#include "gateway/disturb.hpp"

#include "config/url.hpp"
#include "gateway/admin_answer.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace echelon::gateway {

namespace asio = boost::asio;
using nlohmann::json;

namespace {

struct disturbance_name {
  std::string_view verb;
  actors::disturbance what;
  std::string_view amount; ///< Name of its parameter; empty: it has none.
  std::int64_t usual = 0, most = 0;
};
constexpr std::array disturbances{
    disturbance_name{"kill", actors::disturbance::kill, "", 0, 0},
    disturbance_name{"throw", actors::disturbance::throw_before, "", 0, 0},
    disturbance_name{"throw-late", actors::disturbance::throw_after, "", 0, 0},
    disturbance_name{"pause", actors::disturbance::pause, "ms", 100, 60'000},
    disturbance_name{"fill", actors::disturbance::fill, "messages", 10'000, 1'000'000},
    disturbance_name{"drop", actors::disturbance::drop, "messages", 10, 1'000'000},
};

/// The parameter `name=N` of a query; nothing if it is not a number from 0 to `most`.
std::optional<std::int64_t> amount_in(std::string_view query, const disturbance_name& x) {
  if (x.amount.empty() || query.empty()) return x.usual;
  if (query.substr(0, x.amount.size()) != x.amount || query.size() < x.amount.size() + 2
      || query[x.amount.size()] != '=')
    return std::nullopt;
  std::int64_t value = -1;
  const auto* const end = query.data() + query.size();
  const auto read = std::from_chars(query.data() + x.amount.size() + 1, end, value);
  if (read.ec != std::errc{} || read.ptr != end || value < 0 || value > x.most) return std::nullopt;
  return value;
}

} // namespace

asio::awaitable<bool> serve_disturbance(engine::router& of, connection& client,
                                        std::string_view rest, std::string_view query) {
  const auto cut = rest.rfind('/');
  if (cut == std::string_view::npos) co_return false;
  const auto verb = rest.substr(cut + 1);
  const auto actor = config::unescaped(rest.substr(0, cut));
  const auto x = std::find_if(disturbances.begin(), disturbances.end(),
                              [&](const auto& d) { return d.verb == verb; });
  if (x == disturbances.end()) co_return false;
  const auto amount = amount_in(query, *x);
  const auto id = policy::id_of(actor);
  if (!of.chaos) {
    co_await fail(client, 403, "Killing and disturbing actors needs `echelon serve --chaos`.",
                  "chaos_disabled");
  } else if (!amount) {
    auto message = fmt::format("{} takes ?{}=N with N from 0 to {}.", verb, x->amount, x->most);
    co_await fail(client, 400, std::move(message), "invalid_amount");
  } else if (x->what == actors::disturbance::drop && !of.hierarchy().clustered()) {
    co_await fail(client, 400, "Messages within one node are not lost: drop needs a cluster.",
                  "no_cluster");
  } else if (of.hierarchy().disturb(id, x->what, *amount)) {
    const auto* const done = x->what == actors::disturbance::kill ? "killed" : "disturbed";
    const json body{{done, actor}};
    co_await answer(client, 202, body);
  } else {
    co_await fail(client, 404, "There is no such actor on this node; see /admin/state.",
                  "actor_not_found");
  }
  co_return true;
}

} // namespace echelon::gateway
