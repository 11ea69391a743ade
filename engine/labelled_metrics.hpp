/// Metrics of one family, found by the values of their labels.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>

#include <initializer_list>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace echelon::engine {

/// prometheus::Family::Add() makes and compares a map of labels at each call; here a metric that
/// has been used before costs one look-up. Values must come from a bounded set. Thread-safe.
template <class Metric>
class labelled_metrics {
public:
  /// `names` of the labels, in the order in which at() takes their values.
  labelled_metrics(prometheus::Family<Metric>& of, std::vector<std::string> names,
                   prometheus::Histogram::BucketBoundaries buckets = {})
      : of_(of), names_(std::move(names)), buckets_(std::move(buckets)) {}

  Metric& at(std::initializer_list<std::string_view> values) {
    thread_local std::string key;
    key.clear();
    for (const auto x : values)
      key.append(x).push_back('\0');
    {
      const std::shared_lock guard{mutex_};
      if (const auto i = known_.find(key); i != known_.end()) return *i->second;
    }
    prometheus::Labels labels;
    auto name = names_.begin();
    for (const auto x : values)
      labels.emplace(*name++, x);
    auto* const found = [&] {
      if constexpr (std::is_same_v<Metric, prometheus::Histogram>)
        return &of_.Add(labels, buckets_);
      else
        return &of_.Add(labels);
    }();
    const std::lock_guard guard{mutex_};
    return *known_.emplace(key, found).first->second;
  }

private:
  prometheus::Family<Metric>& of_;
  std::vector<std::string> names_;
  prometheus::Histogram::BucketBoundaries buckets_;
  std::shared_mutex mutex_;
  std::unordered_map<std::string, Metric*> known_;
};

} // namespace echelon::engine
