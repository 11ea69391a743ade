/// What the membership asks of etcd, and what comes back: the few things of its v3 API that it
/// needs, without a word about how they travel.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace echelon::cluster {

/// Keys from `from` on, before `to`.
struct etcd_range {
  std::string from, to;
  bool operator==(const etcd_range&) const = default;
};

struct etcd_put {
  std::string key, value;
  std::int64_t lease = 0; ///< 0: it stays until it is deleted.
  bool operator==(const etcd_put&) const = default;
};

/// The key must have been changed last at this revision; 0: it must not be there.
struct etcd_condition {
  std::string key;
  std::int64_t revision = 0;
  bool operator==(const etcd_condition&) const = default;
};

struct etcd_call {
  enum class kind : std::uint8_t {
    grant,      ///< A lease of `ttl` seconds.
    keep_alive, ///< Renews `lease`.
    revoke,     ///< Ends `lease` and deletes what was put with it.
    commit,     ///< If all conditions hold: puts and deletes. Reads the ranges at the same moment.
  };
  std::uint64_t number = 0; ///< Comes back in the answer.
  kind what = kind::commit;
  std::int64_t lease = 0;
  std::int64_t ttl = 0;
  std::vector<etcd_condition> conditions;
  std::vector<etcd_put> puts;
  std::vector<std::string> deletes;
  std::vector<etcd_range> reads; ///< Only without puts and deletes.
  bool operator==(const etcd_call&) const = default;
};

struct etcd_key {
  std::string key, value;
  std::int64_t revision = 0; ///< When it was changed last.
  std::int64_t lease = 0;
  bool operator==(const etcd_key&) const = default;
};

struct etcd_answer {
  std::uint64_t number = 0;
  etcd_call::kind what = etcd_call::kind::commit;
  bool answered = false; ///< Else nobody knows whether it was done; `why` says what is wrong.
  bool done = false;     ///< The conditions held; the lease is there.
  std::int64_t lease = 0;
  std::int64_t ttl = 0; ///< Seconds, as etcd grants them.
  std::vector<etcd_key> found;
  std::string why;
  bool operator==(const etcd_answer&) const = default;
};

} // namespace echelon::cluster
