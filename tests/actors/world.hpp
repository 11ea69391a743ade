/// The whole hierarchy without CAF and with virtual time: requests run against scripted upstreams.
#pragma once

#include "actors/level_core.hpp"
#include "actors/translate.hpp"
#include "config/topology.hpp"
#include "policy/dispatch.hpp"

#include <deque>
#include <map>
#include <string>
#include <vector>

namespace echelon::test {

using namespace std::chrono_literals;
using policy::failure_class;

/// What a scripted upstream does with one request.
struct reply {
  failure_class kind = failure_class::none;
  std::optional<policy::duration> retry_after = std::nullopt;
  policy::duration takes = 0ns;
};

/// How a request ended.
struct ending {
  bool ok = false;
  policy::give_up why;
  std::string route;
  std::vector<std::string> hits;      ///< Models called, in order.
  std::vector<policy::time_point> at; ///< When.
  policy::time_point ended{};
};

class world {
public:
  explicit world(const config::RouterConfig& config) : topology_(config::make_topology(config)) {
    for (const auto& [id, spec] : topology_->actors)
      actors_.emplace(id, actors::level_core{spec, now});
  }

  policy::time_point now{1000h};
  /// Replies of each model, in order; the last one repeats. None: it answers.
  std::map<std::string, std::deque<reply>> script;
  std::function<bool(policy::time_point)> take_retry; ///< Null: retries are not budgeted.

  ending call(const std::string& target, const std::vector<std::string>& fallbacks = {},
              policy::duration timeout = 600s) {
    std::string unknown;
    auto plan = config::plan_for(*topology_, target, fallbacks, unknown);
    if (!plan) throw std::runtime_error("no target " + target + unknown);
    const auto deadline = std::min(timeout, plan->total_timeout);
    ++holds_;
    policy::dispatch d{plan, topology_, {now + deadline, 5, 10, take_retry}, holds_, holds_};
    ending end;
    auto next = d.begin(now);
    for (;;) {
      flush(d);
      if (const auto* q = std::get_if<policy::ask_admission>(&next)) {
        next = d.on_admission(ask(*q), now);
      } else if (const auto* a = std::get_if<policy::start_attempt>(&next)) {
        end.hits.push_back(a->model);
        end.at.push_back(now);
        end.route = a->label + '/' + a->model;
        const auto x = next_reply(a->model);
        now += x.takes;
        if (x.kind == failure_class::none) {
          next = d.on_success(20, now);
        } else {
          const auto told = report(d.failure_release(x.kind, x.retry_after, -1));
          next = d.on_failure({x.kind, x.retry_after, false, -1, told}, now);
        }
      } else if (const auto* s = std::get_if<policy::sleep_until>(&next)) {
        now = std::max(now, s->when);
        next = d.on_slept(now);
      } else if (const auto* w = std::get_if<policy::wait_turn>(&next)) {
        const auto why = static_cast<policy::refusal>(
            actors_.at(w->actor)
                .wait({w->actor, w->who.id, w->who.priority, (w->who.deadline - now).count(), 0},
                      now)
                .why);
        // Nobody else runs: whoever has to wait here waits for ever.
        if (why == policy::refusal::saturated) now = w->who.deadline;
        next = d.on_turn(why, now);
      } else {
        end.ok = std::holds_alternative<policy::done>(next);
        if (!end.ok) end.why = std::get<policy::give_up>(next);
        end.ended = now;
        return end;
      }
    }
  }

  messages::actor_state state(const std::string& path) const {
    return actors_.at(policy::id_of(path)).state(now);
  }
  actors::level_core& actor(const std::string& path) { return actors_.at(policy::id_of(path)); }

  /// Permits held and requests waiting anywhere; 0 when all is given back.
  std::int64_t held() const {
    std::int64_t sum = 0;
    for (const auto& [id, x] : actors_) {
      const auto s = x.state(now);
      sum += s.permits_used + s.waiting;
    }
    return sum;
  }

  policy::topology_ptr topology() const { return topology_; }

  policy::admission_answer ask(const policy::ask_admission& q) {
    auto msg = actors::to_message(q);
    auto at = q.route.front();
    for (;;) {
      auto decision = actors_.at(at).admit(msg, now);
      if (const auto* on = std::get_if<actors::forward_to>(&decision)) {
        at = on->next;
        continue;
      }
      return actors::to_answer(std::move(std::get<messages::admit_reply>(decision)));
    }
  }

  policy::duration report(const policy::actor_release& x) {
    return policy::duration{actors_.at(x.actor).report(actors::to_message(x), now).closed_for_ns};
  }

  void flush(policy::dispatch& d) {
    for (const auto& x : d.take_releases())
      report(x);
  }

private:
  reply next_reply(const std::string& model) {
    auto& left = script[model];
    if (left.empty()) return {};
    const auto x = left.front();
    if (left.size() > 1) left.pop_front();
    return x;
  }

  policy::topology_ptr topology_;
  std::map<policy::path_id, actors::level_core> actors_;
  policy::hold_id holds_ = 0;
};

/// A tier of a test group.
inline config::tier_config tier(std::string name, std::vector<std::string> models,
                                std::uint32_t max_retries = 0) {
  config::tier_config x;
  x.name = std::move(name);
  x.models = std::move(models);
  x.max_retries = max_retries;
  x.timeout = 2s;
  return x;
}

/// Adds a group and its models; a model's provider is the part of its name before `-`.
inline config::group_config& add_group(config::RouterConfig& to, std::string name,
                                       std::vector<config::tier_config> tiers) {
  config::group_config x;
  x.name = std::move(name);
  x.breaker = {5, 2s, 1};
  for (std::size_t i = 0; i < tiers.size(); ++i) {
    tiers[i].priority = static_cast<std::int64_t>(i + 1);
    for (const auto& m : tiers[i].models) {
      to.models[m].name = m;
      to.models[m].provider = m.substr(0, m.find('-'));
      to.models[m].model = m;
    }
  }
  x.tiers = std::move(tiers);
  to.fallback.retry_delay = 0ns;
  to.groups.push_back(std::move(x));
  return to.groups.back();
}

} // namespace echelon::test
