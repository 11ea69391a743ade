/// Prometheus counters of the gateway.
#pragma once

#include "actors/hierarchy.hpp"
#include "messages/admission.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace echelon::engine {

/// Thread-safe.
class metrics {
public:
  metrics();
  ~metrics();
  void request(std::string_view target, int status, double seconds, double queued_seconds);
  /// A wait in the queue of `actor` (a path) has ended; `result`: `turn`, or a refusal.
  void wait(std::string_view actor, std::string_view result, double seconds);
  void attempt(std::string_view model, std::string_view outcome, double seconds);
  void first_content(std::string_view model, double seconds);
  void tokens(std::string_view model, std::int64_t prompt, std::int64_t completion);
  /// A candidate other than the one before was tried; `cause`: a failure kind or a refusal.
  void fallback(std::string_view cause);
  /// From a question to the hierarchy to its answer, waits in queues left out.
  void admission(double seconds);
  /// Money, in the currency of the models' `price`.
  void cost(std::string_view model, double money);
  /// What became of `n` spans: `sent`, `dropped` or `failed`.
  void spans(std::string_view result, std::size_t n);
  /// What became of `n` lines of a log: `written`, `dropped` or `failed`.
  void lines(std::string_view log, std::string_view result, std::size_t n);
  void health_check(std::string_view pool, bool healthy);
  /// The exposition text, with the state of every actor added, and in a cluster with what the
  /// admissions of this node took.
  [[nodiscard]] std::string text(const std::vector<messages::actor_state>& actors,
                                 std::int64_t in_flight,
                                 const actors::supervision_totals& supervision,
                                 const actors::admission_totals* admissions) const;

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace echelon::engine
