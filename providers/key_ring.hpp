/// Which of a provider's keys a request takes: they take turns, and a dead one sits out.
#pragma once

#include "config/router_config.hpp"
#include "policy/failure.hpp"
#include "policy/settings.hpp"

#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace echelon::providers {

/// Keys of one provider. Pure; knows keys by their text, so that a key that a reload moves, or
/// takes away for a while, stays benched.
class key_ring {
public:
  using time_point = policy::time_point;

  /// Index in `keys` of the next one that is neither benched nor in `tried`, round robin. If all
  /// that are left are benched: the one whose bench ends first. None: `keys` is empty or all were
  /// tried.
  [[nodiscard]] std::optional<std::size_t>
  pick(const std::vector<std::string>& keys, const std::vector<std::size_t>& tried, time_point now);
  /// True if a key that is neither benched nor tried is there.
  [[nodiscard]] bool usable(const std::vector<std::string>& keys,
                            const std::vector<std::size_t>& tried, time_point now) const;
  /// Leaves `key` out until then; the later of two ends holds.
  void bench(std::string_view key, time_point until);
  /// `key` works again.
  void clear(std::string_view key);
  /// Forgets benches that are over.
  void sweep(time_point now);
  [[nodiscard]] std::size_t benched(time_point now) const;

private:
  [[nodiscard]] bool live(const std::string& key, time_point now) const;

  std::map<std::string, time_point, std::less<>> until_; ///< Secret keys; absent: live.
  std::size_t next_ = 0;
};

/// A key to send with one attempt.
struct key_choice {
  std::string key;       ///< Secret.
  std::size_t index = 0; ///< In the provider's api_keys; to be told to report().
};

/// How long a failure benches the key that was used: 60 s for `credential`, Retry-After (else 5 s)
/// for `rate_limited`, Retry-After (else 600 s) for `quota_exhausted`, at most an hour. Zero: the
/// failure is not the key's.
[[nodiscard]] policy::duration key_bench_time(policy::failure_class kind,
                                              std::optional<policy::duration> retry_after);

/// The rings of all providers, by name. Thread-safe; lives as long as the router, over reloads.
class key_book {
public:
  /// The key for the next attempt at `provider`. `tried`: indexes this request used there already.
  /// None: the provider has no key, or none is left that was not tried.
  [[nodiscard]] std::optional<key_choice> pick(const config::provider_config& provider,
                                               policy::time_point now,
                                               const std::vector<std::size_t>& tried = {});

  /// Tells how an attempt with key `index` ended; `none` is a success; it ends the
  /// key's bench if all keys are benched.
  /// `tried` holds the keys used by this request so far, `index` among them.
  /// @returns True if the failure is the key's own and another live key is there: then nothing of
  /// it
  ///          is a failure of the model, and the same model is to be tried again at once.
  bool report(const config::provider_config& provider, std::size_t index,
              policy::failure_class kind, std::optional<policy::duration> retry_after,
              policy::time_point now, const std::vector<std::size_t>& tried = {});

  /// Keys of `provider` that sit out now, for gauges.
  [[nodiscard]] std::size_t benched(std::string_view provider, policy::time_point now) const;

private:
  mutable std::mutex mutex_;
  std::map<std::string, key_ring, std::less<>> rings_;
};

} // namespace echelon::providers
