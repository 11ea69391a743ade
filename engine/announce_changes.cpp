#include "engine/announce_changes.hpp"

#include "engine/state.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <nlohmann/json.hpp>

#include <map>
#include <optional>
#include <string>

namespace echelon::engine {

namespace asio = boost::asio;
using nlohmann::json;

namespace {

std::string breaker_of(const messages::actor_state& x) {
  return x.benched ? "benched" : x.breaker;
}

/// One look: what is compared with the next one.
struct look {
  std::map<std::string, std::string> breakers, owners; // By actor.
  std::map<std::string, std::string> members;          // Node to "heard" or "silent".
  std::optional<bool> acts;
};

void publish_difference(event_hub& to, const look& before, const look& now) {
  for (const auto& [actor, state] : now.breakers) {
    const auto old = before.breakers.find(actor);
    if (old != before.breakers.end() && old->second != state)
      to.publish("breaker", {{"actor", actor}, {"from", old->second}, {"to", state}});
  }
  for (const auto& [actor, node] : now.owners) {
    const auto old = before.owners.find(actor);
    if (old != before.owners.end() && old->second != node)
      to.publish("owner", {{"actor", actor}, {"from", old->second}, {"to", node}});
  }
  for (const auto& [node, state] : now.members) {
    const auto old = before.members.find(node);
    const auto from = old == before.members.end() ? "absent" : old->second;
    if (from != state) to.publish("member", {{"node", node}, {"from", from}, {"to", state}});
  }
  for (const auto& [node, state] : before.members)
    if (now.members.count(node) == 0)
      to.publish("member", {{"node", node}, {"from", state}, {"to", "absent"}});
  if (before.acts != now.acts && now.acts) to.publish("quorum", {{"acts", *now.acts}});
}

look look_at(router& of, const std::vector<messages::actor_state>& actors) {
  look x;
  for (const auto& a : actors) {
    x.breakers[a.path] = breaker_of(a);
    x.owners[a.path] = a.node.empty() ? "local" : a.node;
  }
  if (of.node() != nullptr) {
    const auto status = of.node()->status();
    x.acts = status.acts;
    for (const auto& m : status.view.members)
      x.members[m.node] = m == status.self || status.heard.count(m.node) != 0 ? "heard" : "silent";
  }
  return x;
}

} // namespace

asio::awaitable<void> announce_changes(router& of, std::shared_ptr<asio::steady_timer> tick) {
  std::optional<look> before;
  for (;;) {
    if (!of.events().heard()) {
      before.reset();
    } else {
      const auto found = co_await actor_states(of);
      auto now = look_at(of, found);
      // An actor that had no time to answer, or changes its node, is as it was.
      if (before) {
        publish_difference(of.events(), *before, now);
        now.breakers.merge(before->breakers);
        now.owners.merge(before->owners);
      } else {
        of.events().publish("watching", {{"actors", found.size()}});
      }
      before = std::move(now);
    }
    boost::system::error_code error;
    tick->expires_after(std::chrono::milliseconds{250});
    co_await tick->async_wait(asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return;
  }
}

} // namespace echelon::engine
