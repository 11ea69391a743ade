#include "engine/records.hpp"

#include <fmt/chrono.h>

#include <algorithm>
#include <functional>

namespace echelon::engine {
namespace {

double milliseconds(policy::duration x) {
  return std::chrono::duration<double, std::milli>(x).count();
}

} // namespace

nlohmann::json to_json(const decision_record& x) {
  auto all = summary_json(x);
  auto steps = nlohmann::json::array();
  for (const auto& s : x.steps)
    steps.push_back({{"at_ms", milliseconds(s.at - x.started)},
                     {"step", s.what},
                     {"actor", s.actor},
                     {"reason", s.reason}});
  all["steps"] = std::move(steps);
  return all;
}

nlohmann::json summary_json(const decision_record& x) {
  const auto seconds = std::chrono::time_point_cast<std::chrono::seconds>(x.at);
  return {{"id", x.id},
          {"target", x.target},
          {"route", x.route.empty() ? nlohmann::json() : nlohmann::json(x.route)},
          {"outcome", x.outcome},
          {"status", x.status},
          {"stream", x.stream},
          {"attempts", x.attempts},
          {"time", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(seconds))},
          {"duration_ms", milliseconds(x.ended - x.started)},
          {"queued_ms", milliseconds(x.queued)}};
}

void record_ring::add(decision_record x) {
  const auto hash = std::hash<std::string>{}(x.id);
  entry one{hash, std::make_shared<const decision_record>(std::move(x))};
  entry oldest{}; // Destroyed without the lock.
  const std::lock_guard guard{mutex_};
  ring_.push_back(std::move(one));
  if (ring_.size() <= capacity_) return;
  oldest = std::move(ring_.front());
  ring_.pop_front();
}

std::optional<decision_record> record_ring::find(const std::string& id) const {
  const auto hash = std::hash<std::string>{}(id);
  const std::lock_guard guard{mutex_};
  const auto i = std::find_if(ring_.rbegin(), ring_.rend(),
                              [&](const entry& x) { return x.hash == hash && x.record->id == id; });
  if (i == ring_.rend()) return std::nullopt;
  return *i->record;
}

std::vector<decision_record> record_ring::newest(std::size_t most) const {
  const std::lock_guard guard{mutex_};
  std::vector<decision_record> found;
  for (auto i = ring_.rbegin(); i != ring_.rend() && found.size() < most; ++i)
    found.push_back(*i->record);
  return found;
}

} // namespace echelon::engine
