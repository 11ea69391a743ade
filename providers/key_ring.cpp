#include "providers/key_ring.hpp"

#include <algorithm>

namespace echelon::providers {

using policy::duration;
using policy::failure_class;
using policy::time_point;
using namespace std::chrono_literals;

namespace {

bool holds(const std::vector<std::size_t>& tried, std::size_t index) {
  return std::find(tried.begin(), tried.end(), index) != tried.end();
}

} // namespace

bool key_ring::live(const std::string& key, time_point now) const {
  const auto at = until_.find(key);
  return at == until_.end() || at->second <= now;
}

std::optional<std::size_t> key_ring::pick(const std::vector<std::string>& keys,
                                          const std::vector<std::size_t>& tried, time_point now) {
  std::optional<std::size_t> soonest;
  for (std::size_t step = 0; step < keys.size(); ++step) {
    const auto index = (next_ + step) % keys.size();
    if (holds(tried, index)) continue;
    if (live(keys[index], now)) {
      next_ = (index + 1) % keys.size();
      return index;
    }
    if (!soonest || until_.at(keys[index]) < until_.at(keys[*soonest])) soonest = index;
  }
  return soonest;
}

bool key_ring::usable(const std::vector<std::string>& keys, const std::vector<std::size_t>& tried,
                      time_point now) const {
  for (std::size_t i = 0; i < keys.size(); ++i)
    if (!holds(tried, i) && live(keys[i], now)) return true;
  return false;
}

void key_ring::bench(std::string_view key, time_point until) {
  const auto at = until_.find(key);
  if (at == until_.end())
    until_.emplace(std::string{key}, until);
  else
    at->second = std::max(at->second, until);
}

void key_ring::clear(std::string_view key) {
  if (const auto at = until_.find(key); at != until_.end()) until_.erase(at);
}

void key_ring::sweep(time_point now) {
  std::erase_if(until_, [now](const auto& entry) { return entry.second <= now; });
}

std::size_t key_ring::benched(time_point now) const {
  return static_cast<std::size_t>(std::count_if(
      until_.begin(), until_.end(), [now](const auto& entry) { return entry.second > now; }));
}

duration key_bench_time(failure_class kind, std::optional<duration> retry_after) {
  const auto told = [&](duration otherwise) {
    return std::clamp<duration>(retry_after.value_or(otherwise), 0s, 1h);
  };
  switch (kind) {
  case failure_class::credential: return 60s;
  case failure_class::rate_limited: return told(5s);
  case failure_class::quota_exhausted: return told(600s);
  case failure_class::none:
  case failure_class::network:
  case failure_class::timeout:
  case failure_class::request_timeout:
  case failure_class::model_missing:
  case failure_class::server_error:
  case failure_class::invalid_reply:
  case failure_class::client_fault:
  case failure_class::context_overflow:
  case failure_class::content_policy:
  case failure_class::untranslatable:
  case failure_class::client_gone:
  case failure_class::router_exhausted: break;
  }
  return {};
}

std::optional<key_choice> key_book::pick(const config::provider_config& provider, time_point now,
                                         const std::vector<std::size_t>& tried) {
  const std::lock_guard lock{mutex_};
  const auto index = rings_[provider.name].pick(provider.api_keys, tried, now);
  if (!index) return std::nullopt;
  return key_choice{provider.api_keys[*index], *index};
}

bool key_book::report(const config::provider_config& provider, std::size_t index,
                      failure_class kind, std::optional<duration> retry_after, time_point now,
                      const std::vector<std::size_t>& tried) {
  if (index >= provider.api_keys.size()) return false;
  const std::lock_guard lock{mutex_};
  auto& ring = rings_[provider.name];
  const auto& key = provider.api_keys[index];
  if (kind == failure_class::none) {
    // While others live, an answer that was under way before the bench does not end it.
    if (!ring.usable(provider.api_keys, {}, now)) ring.clear(key);
    return false;
  }
  const auto time = key_bench_time(kind, retry_after);
  // Retry-After: 0 is the key's failure all the same: another key comes first.
  const bool of_key = time > duration::zero() || kind == failure_class::rate_limited
                      || kind == failure_class::quota_exhausted;
  if (!of_key) return false;
  ring.sweep(now);
  if (time > duration::zero()) ring.bench(key, now + time);
  auto used = tried;
  used.push_back(index);
  return ring.usable(provider.api_keys, used, now);
}

std::size_t key_book::benched(std::string_view provider, time_point now) const {
  const std::lock_guard lock{mutex_};
  const auto at = rings_.find(provider);
  return at == rings_.end() ? 0 : at->second.benched(now);
}

} // namespace echelon::providers
