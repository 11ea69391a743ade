#include "actors/level_core.hpp"

#include <algorithm>

namespace echelon::actors {

using namespace policy;

namespace {

bool contains(const std::vector<path_id>& xs, path_id x) {
  return std::find(xs.begin(), xs.end(), x) != xs.end();
}

/// Key, root, node and pool count requests; tier and model count attempts.
bool counts_requests(level x) {
  return x == level::key || x == level::router || x == level::node || x == level::pool;
}

std::vector<breaker> ejections_of(const actor_spec& spec) {
  if (spec.at != level::pool) return {};
  return std::vector<breaker>(spec.members.size(), breaker{spec.ejection});
}

} // namespace

level_core::level_core(const actor_spec& spec, time_point now)
    : spec_(spec), gate_(spec.gate, now),
      rotation_(spec.rotation, spec.weights, spec.slow_start, spec.order),
      ejections_(ejections_of(spec)) {}

messages::admit_reply level_core::refuse(const messages::admit_request& msg, refusal why,
                                         duration retry_after) const {
  messages::admit_reply x;
  x.why = static_cast<std::uint8_t>(why);
  x.by = spec_.id;
  x.retry_after_ns = retry_after.count();
  x.trail = msg.trail;
  x.order = msg.order;
  x.members = msg.members;
  if (spec_.at == level::tier) x.next = spec_.lower;
  if (spec_.at == level::model) {
    // The sibling after this model in the tier's order, else the tier below.
    const auto self = std::find(msg.order.begin(), msg.order.end(), spec_.id);
    x.next = self != msg.order.end() && std::next(self) != msg.order.end() ? *std::next(self)
                                                                           : msg.lower;
  }
  return x;
}

bool level_core::charges(const messages::admit_request& msg) const {
  return !(counts_requests(spec_.at) && contains(msg.charged, spec_.id));
}

hold_id level_core::ticket_of(const messages::admit_request& msg) const {
  const auto i = std::find_if(msg.tickets.begin(), msg.tickets.end(),
                              [this](const auto& t) { return t.actor == spec_.id; });
  return i == msg.tickets.end() ? 0 : i->hold;
}

gate_ask level_core::ask_of(const messages::admit_request& msg) const {
  gate_ask ask;
  ask.id = msg.hold;
  ask.charge = charges(msg);
  ask.tokens = tokens_of(msg);
  ask.money = msg.money;
  ask.ticket = ticket_of(msg);
  return ask;
}

std::variant<forward_to, messages::admit_reply> level_core::admit(messages::admit_request& msg,
                                                                  time_point now) {
  if (msg.hold == 0 || msg.route.empty() || msg.route.front() != spec_.id || retired_)
    return refuse(msg, refusal::unavailable, {});
  msg.route.erase(msg.route.begin());
  if (const auto verdict = gate_.admit(ask_of(msg), now); !verdict.admitted())
    return refuse(msg, verdict.why, verdict.retry_after);
  std::optional<messages::admit_reply> refused;
  if (spec_.at == level::pool) refused = choose_member(msg, now);
  if (spec_.at == level::tier) refused = choose_model(msg, now);
  if (!refused && msg.route.empty() && spec_.at != level::model)
    refused = refuse(msg, refusal::unavailable, {});
  if (refused) {
    gate_.release({msg.hold, outcome::neutral, true, -1, {}}, now);
    return *refused;
  }
  msg.trail.push_back(spec_.id);
  if (!msg.route.empty()) return forward_to{msg.route.front()};
  messages::admit_reply granted;
  granted.by = spec_.id;
  granted.trail = msg.trail;
  granted.order = msg.order;
  granted.members = msg.members;
  return granted;
}

std::optional<std::size_t> level_core::member_on(const std::vector<path_id>& route) const {
  for (std::size_t i = 0; i < spec_.members.size(); ++i) {
    if (route.empty() || spec_.members[i] != route.front()) continue;
    // A member that is one tier is met only on the way to that tier.
    const bool one_tier = spec_.member_ids[i] != spec_.members[i];
    if (!one_tier || (route.size() > 1 && spec_.member_ids[i] == route[1])) return i;
  }
  return std::nullopt;
}

std::optional<messages::admit_reply> level_core::choose_member(messages::admit_request& msg,
                                                               time_point now) {
  auto take = [&](std::size_t i) {
    auto& mine = passes_[msg.hold];
    // It asks again, and what it gave back before did not arrive.
    if (const auto old = mine.find(i); old != mine.end())
      ejections_[i].report(old->second, outcome::neutral, now);
    mine[i] = ejections_[i].pass(now);
  };
  if (!msg.route.empty()) {
    const auto i = member_on(msg.route);
    if (!i) return std::nullopt;
    if (const auto own = passes_.find(msg.hold); own != passes_.end() && own->second.count(*i) != 0)
      return std::nullopt;
    if (const auto wait = ejected_for(*i, now); wait > duration::zero())
      return refuse(msg, refusal::open, wait);
    take(*i);
    return std::nullopt;
  }
  std::vector<bool> usable;
  auto soonest = duration::max();
  for (std::size_t i = 0; i < ejections_.size(); ++i) {
    const auto wait = ejected_for(i, now);
    usable.push_back(wait == duration::zero());
    soonest = std::min(soonest, wait);
  }
  const auto order = rotation_.next(now, usable);
  if (order.empty())
    return refuse(msg, refusal::open, spec_.members.empty() ? duration{} : soonest);
  for (auto i : order)
    msg.members.push_back(spec_.member_ids[i]);
  const auto first = order.front();
  take(first);
  msg.route.push_back(spec_.members[first]);
  const auto& on = spec_.member_routes[first];
  msg.route.insert(msg.route.end(), on.begin(), on.end());
  return std::nullopt;
}

std::optional<messages::admit_reply> level_core::choose_model(messages::admit_request& msg,
                                                              time_point now) {
  msg.lower = spec_.lower;
  for (std::size_t i = 0; i < spec_.members.size(); ++i)
    if (contains(msg.closed, spec_.members[i])) rotation_.lost(i);
  if (!msg.route.empty()) return std::nullopt;
  std::vector<bool> usable;
  for (auto id : spec_.members)
    usable.push_back(!contains(msg.exclude, id));
  auto order = rotation_.next(now, usable);
  if (order.empty()) return refuse(msg, refusal::unavailable, {});
  std::stable_partition(order.begin(), order.end(),
                        [&](auto i) { return !contains(msg.avoid, spec_.members[i]); });
  msg.order.clear();
  for (auto i : order)
    msg.order.push_back(spec_.members[i]);
  msg.route.push_back(msg.order.front());
  return std::nullopt;
}

messages::wait_reply level_core::wait(const messages::wait_request& msg, time_point now) {
  if (msg.hold == 0 || retired_) return {static_cast<std::uint8_t>(refusal::unavailable)};
  waiter x;
  x.id = msg.hold;
  x.priority = msg.priority;
  x.deadline = now + duration{msg.remaining_ns};
  x.since = now - duration{msg.waited_ns};
  return {static_cast<std::uint8_t>(gate_.wait(x, now).why)};
}

void level_core::end_pass(hold_id hold, std::optional<std::size_t> member, outcome result,
                          time_point now) {
  const auto mine = passes_.find(hold);
  if (mine == passes_.end()) {
    if (member && result == outcome::failure) late_failure(*member, now);
    return;
  }
  for (const auto& [i, pass] : mine->second) {
    if (i >= ejections_.size()) continue;
    ejections_[i].report(pass, member && *member == i ? result : outcome::neutral, now);
    note_ejection(i, now);
  }
  passes_.erase(mine);
}

void level_core::late_failure(std::size_t member, time_point now) {
  ejections_[member].report_late_failure(now);
  note_ejection(member, now);
}

/// Members that are put out and those that come back start slowly.
void level_core::note_ejection(std::size_t member, time_point now) {
  if (ejections_[member].state(now) == breaker_state::closed) {
    rotation_.back(member, now);
  } else {
    rotation_.lost(member);
  }
}

std::optional<std::size_t> level_core::index_of(path_id member) const {
  const auto& ids = spec_.at == level::pool ? spec_.member_ids : spec_.members;
  const auto i = std::find(ids.begin(), ids.end(), member);
  if (member == 0 || i == ids.end()) return std::nullopt;
  return static_cast<std::size_t>(i - ids.begin());
}

void level_core::health(const messages::report_health& msg, time_point now) {
  if (spec_.at != level::pool) {
    if (msg.healthy) gate_.let_probe(now);
    return;
  }
  const auto member = index_of(msg.member);
  if (!member) return;
  if (msg.healthy) {
    ejections_[*member].close();
  } else {
    ejections_[*member].stay_open(now);
  }
  note_ejection(*member, now);
}

messages::outcome_reply level_core::report(const messages::report_outcome& msg, time_point now) {
  const auto result = static_cast<outcome>(msg.result);
  if (msg.cleared && msg.member != 0) note_well({msg.member}, now);
  if (spec_.at == level::pool) {
    const auto member = index_of(msg.member);
    if (msg.hold != 0) {
      end_pass(msg.hold, member, result, now);
    } else if (member && result == outcome::failure) {
      late_failure(*member, now);
    }
  } else if (spec_.at == level::tier && result == outcome::success) {
    if (const auto member = index_of(msg.member)) rotation_.back(*member, now);
  }
  const gate_release release{msg.hold, result, msg.refund, msg.tokens, duration{msg.bench_ns},
                             msg.money};
  if (msg.hold != 0 && msg.lent != 0)
    gate_.report_lent(msg.lent - 1, msg.cleared, release, now);
  else if (msg.hold != 0)
    gate_.release(release, now);
  return {gate_.breaker_wait(now).count()};
}

std::vector<hold_id> level_core::woken(time_point now) {
  return gate_.woken(now);
}

void level_core::apply(const actor_spec& spec, time_point now) {
  retired_ = false;
  changed_ = true;
  const bool same_members = spec.member_ids == spec_.member_ids && spec.members == spec_.members
                            && spec.weights == spec_.weights && spec.rotation == spec_.rotation
                            && spec.order == spec_.order;
  spec_ = spec;
  gate_.apply(spec.gate, now);
  if (same_members) {
    rotation_.apply(spec.slow_start);
    for (auto& x : ejections_)
      x.apply(spec.ejection);
  } else {
    rotation_ = rotation{spec.rotation, spec.weights, spec.slow_start, spec.order};
    ejections_ = ejections_of(spec);
    passes_.clear();
  }
}

bool level_core::idle(time_point now) const {
  const auto x = gate_.snapshot(now);
  return x.permits_used == 0 && x.waiting == 0 && passes_.empty() && gate_.lends_nothing();
}

messages::actor_state level_core::state(time_point now) const {
  const auto x = gate_.snapshot(now);
  messages::actor_state s;
  s.path = spec_.path;
  s.level = std::string{to_string(spec_.at)};
  s.permits_used = x.permits_used;
  s.permits_limit = x.permits_limit;
  s.waiting = x.waiting;
  s.queue_size = x.queue_size;
  s.rate_available = x.rate_available;
  s.rate_limit = x.rate_limit;
  s.tokens_used = x.tokens_used;
  s.tokens_limit = x.tokens_limit;
  s.spent_today = x.spent_today;
  s.spent_month = x.spent_month;
  s.reserved = x.reserved;
  if (x.money) {
    s.daily_budget = x.money->per_day;
    s.monthly_budget = x.money->per_month;
  }
  s.breaker = std::string{to_string(x.breaker)};
  s.failures = x.failures;
  s.closed_for_ns = x.breaker_wait.count();
  s.benched = x.benched;
  s.admitted = x.admitted;
  s.refused = x.refused;
  s.succeeded = x.succeeded;
  s.failed = x.failed;
  for (const auto& l : x.loans)
    s.loans.push_back({l.node, l.permits, l.in_use, l.units, l.tokens});
  for (std::size_t i = 0; i < ejections_.size(); ++i)
    s.members.push_back({spec_.member_ids[i], ejections_[i].wait(now) > duration::zero()});
  return s;
}

messages::actor_memory level_core::save(time_point now) const {
  messages::actor_memory x;
  x.actor = spec_.id;
  x.gate = gate_.save(now);
  for (const auto& e : ejections_)
    x.members.push_back(e.save(now));
  return x;
}

void level_core::load(const messages::actor_memory& x, time_point now) {
  gate_.load(x.gate, now);
  // Probes of members end by their own reports, which name the member.
  for (std::size_t i = 0; i < ejections_.size() && i < x.members.size(); ++i) {
    auto e = x.members[i];
    e.probes = 0;
    ejections_[i].load(e, now);
  }
}

void level_core::rebuild(const messages::actor_holdings& x, time_point now) {
  gate_.rebuild(x.holds, x.started, x.breakers, x.terms, now);
}

void level_core::reconcile(const messages::reconcile_holds& x, time_point now) {
  const auto in = [](const auto& list, auto value) {
    return std::find(list.begin(), list.end(), value) != list.end();
  };
  if (x.tag == 0)
    gate_.drop_absent(x.present, duration{x.grace_ns}, now);
  else
    gate_.reconcile(x.tag, x.holds, duration{x.grace_ns}, now);
  std::erase_if(passes_, [&](const auto& p) {
    const auto tag = gateway_of(p.first);
    const bool known =
        x.tag == 0 ? in(x.present, tag)
                   : tag != x.tag || std::binary_search(x.holds.begin(), x.holds.end(), p.first);
    return !known && !gate_.holds(p.first);
  });
}

} // namespace echelon::actors
