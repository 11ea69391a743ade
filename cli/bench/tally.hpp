/// What came of a load, and how it is told.
#pragma once

#include "cli/bench/histogram.hpp"

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace echelon::cli {

struct outcome;

/// The load that is offered to a router.
struct offered_load {
  std::string url, host, port; ///< `host` and `port` are those of `url`.
  std::string target;
  std::string request; ///< One whole HTTP request, as it is sent each time.
  bool stream = false;
  std::size_t connections = 1; ///< Most requests at once; > 0.
  double rate = 0;             ///< Requests per second that become due; 0: each connection sends
                               ///< its next request when it has the answer to the last one.
  std::chrono::nanoseconds length{};  ///< How long requests become due.
  std::chrono::nanoseconds timeout{}; ///< From when a request is due to the end of its answer.
  std::string expected; ///< What a plain answer must hold to be a good one; empty: anything.
  std::function<void(const outcome&)> told = {}; ///< Of each outcome, when it is there.
};

/// What became of one request.
struct outcome {
  using time_point = std::chrono::steady_clock::time_point;
  time_point due, sent, ended;
  time_point first;         ///< When the first token came; as `due` if none did.
  int status = 0;           ///< 0: no answer began.
  std::uint64_t events = 0; ///< Of a stream.
  bool timed_out = false;
  std::string failure; ///< Its kind, such as `429 rate_limit_exceeded`; empty: all went well.
  std::string text;    ///< The failure in words.
};

/// What became of all requests.
struct tally {
  struct failed {
    std::uint64_t count = 0;
    std::string example; ///< The text of the first one.
  };
  /// Of requests that went well, and of those that timed out with the time they had waited, all
  /// from when they were due.
  histogram latency;
  histogram first_token; ///< Likewise, of streams that went well.
  histogram late;        ///< From due to sent.
  std::map<int, std::uint64_t> statuses;
  std::map<std::string, failed> failures; ///< By kind.
  std::uint64_t good = 0, bad = 0, events = 0;
  std::chrono::nanoseconds took{}; ///< Until nothing became due any more and all had ended.

  void add(const outcome& x);
  [[nodiscard]] double throughput() const; ///< Requests that went well, per second.
};

/// For people; several lines, the last one with its end.
[[nodiscard]] std::string report_text(const offered_load& load, const tally& result);

/// Times in milliseconds. Keys are as documented in docs/bench.md.
[[nodiscard]] nlohmann::json report_json(const offered_load& load, const tally& result);

} // namespace echelon::cli
