/// What was seen during an experiment.
#pragma once

#include "cli/bench/tally.hpp"
#include "cli/chaos/arena.hpp"

#include <nlohmann/json_fwd.hpp>

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace echelon::cli {

/// What became of a request.
enum class fate {
  answered, ///< Rightly.
  refused,  ///< With a proper error before its deadline.
  cut_off,  ///< Its router was killed or stood still meanwhile.
  lost,     ///< Anything else: no answer, a wrong one, one that is late, or an error of the router.
};

struct seen_request {
  double sent = 0, ended = 0; ///< Seconds since the start.
  std::uint32_t target = 0, node = 0;
  fate became = fate::lost;
};

/// A strike that was dealt.
struct dealt_strike {
  strike what;
  double began = 0, ended = 0; ///< Seconds since the start.
  std::string failed;          ///< Why it could not be dealt; empty: it was.
  double recovered = -1; ///< Seconds from its end to the first answer to a request that was sent
                         ///< after it and takes that way; < 0: none came any more.
};

/// A node was not there.
struct absence {
  std::size_t node = 0;
  double from = 0, to = 1e18;
};

/// Everything that is told of an experiment.
struct chaos_report {
  experiment of;
  std::vector<asked_target> targets;
  std::vector<std::string> nodes;
  std::vector<seen_request> requests;
  std::map<std::string, tally::failed> refusals, losses; ///< By kind.
  std::vector<dealt_strike> strikes;
  std::vector<limit_check> limits;
  std::vector<std::string> held;       ///< Actors that had permits or waiters when all was over.
  std::vector<std::string> complaints; ///< What else was wrong.
  std::uint64_t restarts = 0, supervisors = 0;
  [[nodiscard]] std::uint64_t count(fate x) const;
  /// Nothing was lost, no limit passed, nothing is held, and nothing else was wrong.
  [[nodiscard]] bool good() const;
};

/// Gathers outcomes. Thread-safe.
class record {
public:
  using time_point = std::chrono::steady_clock::time_point;
  explicit record(time_point start) : start_(start) {}

  void add(std::uint32_t target, std::uint32_t node, const outcome& x);
  [[nodiscard]] double seconds(time_point x) const {
    return std::chrono::duration<double>(x - start_).count();
  }
  /// All requests, in the order in which they ended, with their failures counted in `to`.
  void finish(const std::vector<absence>& absent, chaos_report& to);

private:
  struct entry {
    seen_request what;
    std::string failure, text;
  };
  time_point start_;
  std::mutex mutex_;
  std::vector<seen_request> good_;
  std::vector<entry> bad_;
};

/// Fills in `recovered` of every strike.
void find_recoveries(chaos_report& of);

[[nodiscard]] nlohmann::json chaos_json(const chaos_report& x);
/// For people; several lines.
[[nodiscard]] std::string chaos_text(const chaos_report& x);
/// One page without other files, with a plot.
[[nodiscard]] std::string chaos_html(const chaos_report& x);
/// The plot alone.
[[nodiscard]] std::string chaos_svg(const chaos_report& x);

} // namespace echelon::cli
