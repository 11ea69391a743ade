#include "wires.hpp"

#include "host.hpp"

namespace echelon::simulation {

void wires::add(host* x) {
  hosts_[x->name()] = x;
}

void wires::remove(host* x, bool loud) {
  hosts_.erase(x->name());
  for (auto& [pair, l] : links_) {
    if (!l.up || (pair.first != x->name() && pair.second != x->name())) continue;
    const auto other = pair.first == x->name() ? pair.second : pair.first;
    const auto id = x->id();
    l.up = false;
    ++l.number;
    for (const auto& way : {pair, direction{pair.second, pair.first}})
      held_.erase(way);
    time_.after(loud ? delay() : patience, [this, other, id] {
      if (auto* peer = find(other)) peer->lost(id);
    });
  }
}

host* wires::find(const std::string& name) const {
  const auto i = hosts_.find(name);
  return i == hosts_.end() ? nullptr : i->second;
}

host* wires::find(const caf::node_id& id) const {
  for (const auto& [name, x] : hosts_)
    if (x->id() == id) return x;
  return nullptr;
}

wires::link& wires::between(const std::string& a, const std::string& b) {
  return links_[std::minmax(a, b)];
}

void wires::post(host& from, const caf::node_id& to, caf::actor_id target, std::vector<char> bytes,
                 caf::message_id mid) {
  auto* peer = find(to);
  if (peer == nullptr || find(from.name()) != &from || !between(from.name(), peer->name()).up)
    return;
  const direction way{from.name(), peer->name()};
  letter x{peer->name(), target, std::move(bytes), mid};
  if (cuts_.count(way) == 0) return send(way, std::move(x));
  auto& held = held_[way];
  held.push_back(std::move(x));
  if (held.size() > 1) return;
  const auto number = between(way.first, way.second).number;
  time_.after(patience, [this, way, number] {
    const auto& l = between(way.first, way.second);
    if (l.up && l.number == number && !held_[way].empty()) break_off(way.first, way.second);
  });
}

void wires::send(const direction& way, letter x) {
  auto& last = last_[way];
  last = std::max(last, time_.now() + delay());
  const auto number = between(way.first, way.second).number;
  time_.at(last, [this, way, number, x = std::move(x)] {
    const auto& l = between(way.first, way.second);
    if (!l.up || l.number != number) return;
    auto* from = find(way.first);
    if (auto* to = find(x.to); to != nullptr && from != nullptr)
      to->receive(from->id(), x.target, x.bytes, x.mid);
  });
}

void wires::cut(const std::string& from, const std::string& to) {
  cuts_.insert({from, to});
}

void wires::heal() {
  cuts_.clear();
  for (auto& [way, letters] : std::exchange(held_, {}))
    for (auto& x : letters)
      send(way, std::move(x));
}

void wires::break_off(const std::string& a, const std::string& b) {
  auto& l = between(a, b);
  if (!l.up) return;
  time_.note("the connection of " + a + " and " + b + " breaks");
  l.up = false;
  ++l.number;
  held_.erase({a, b});
  held_.erase({b, a});
  auto *x = find(a), *y = find(b);
  if (x != nullptr && y != nullptr) {
    x->lost(y->id());
    y->lost(x->id());
  }
}

bool wires::reachable(const std::string& from, const std::string& to) const {
  const auto* peer = find(to);
  return peer != nullptr && !peer->frozen() && cuts_.count({from, to}) == 0
         && cuts_.count({to, from}) == 0;
}

bool wires::connect(const std::string& from, const std::string& to) {
  if (!reachable(from, to) || find(from) == nullptr) return false;
  auto& l = between(from, to);
  if (!l.up) ++l.number;
  l.up = true;
  return true;
}

} // namespace echelon::simulation
