/// The fake provider itself: decides what each request is answered and counts what it sees. No I/O.
#pragma once

#include "providers/simulator/call.hpp"
#include "providers/simulator/script.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace echelon::providers {

class simulator_engine;

/// Counts one request as in flight until it is destroyed or released.
class flight_ticket {
public:
  flight_ticket() = default;
  flight_ticket(std::shared_ptr<simulator_engine> engine, std::string model)
      : engine_(std::move(engine)), model_(std::move(model)) {}
  flight_ticket(flight_ticket&&) noexcept = default;
  flight_ticket& operator=(flight_ticket&& other) noexcept;
  ~flight_ticket() { release(); }
  void release();

private:
  std::shared_ptr<simulator_engine> engine_;
  std::string model_;
};

/// Some bytes of a body, sent this long after those before.
struct simulated_piece {
  std::chrono::nanoseconds delay{0};
  std::string bytes;
};

/// How to answer one request.
struct simulated_answer {
  int status = 200;
  header_list headers; ///< Names in lower case; without framing.
  std::chrono::nanoseconds latency{0};
  bool stream = false;    ///< Chunked; else `length` bytes are announced.
  std::size_t length = 0; ///< Of the whole body, also if it is cut.
  std::vector<simulated_piece> pieces;
  script_ending ending = script_ending::complete; ///< After the pieces.
  flight_ticket ticket;                           ///< To be released before the last piece is sent.
};

/// Thread-safe. Owned by shared_ptr.
class simulator_engine : public std::enable_shared_from_this<simulator_engine> {
public:
  using time_point = std::chrono::steady_clock::time_point;
  static constexpr std::size_t arrivals_kept = 1000; ///< Per model.

  explicit simulator_engine(simulator_script script = {});

  /// Plans the answer to a request that arrives `now`, and counts it. Never throws.
  [[nodiscard]] simulated_answer plan(const http_request& request,
                                      time_point now = std::chrono::steady_clock::now());
  /// What `GET /sim/state` answers.
  [[nodiscard]] nlohmann::json state() const;
  /// Replaces the script; its rules count from zero.
  void use(simulator_script script);
  /// Forgets all counts but those in flight; the script's rules count from zero.
  void reset();
  /// `x` is told of each start and end of a counted request, in their order and with the engine
  /// locked: it must be quick and not come back. Null: nobody.
  using watcher = std::function<void(const std::string& model, bool start, time_point)>;
  void watch(watcher x);

private:
  friend class flight_ticket;
  struct counts {
    std::uint64_t requests = 0;
    std::uint64_t in_flight = 0;
    std::uint64_t max_in_flight = 0;
    std::deque<std::pair<std::int64_t, int>> arrivals; ///< Milliseconds and status.
    void enter();
  };
  simulated_answer control(const http_request& request);
  const script_rule* choose(const simulated_call& call, const http_request& request);
  simulated_answer answer(const simulated_call& call, const script_action& action,
                          std::uint64_t id) const;
  void leave(const std::string& model);

  mutable std::mutex mutex_;
  time_point started_ = std::chrono::steady_clock::now();
  simulator_script script_;
  counts total_;
  std::map<std::string, counts> models_;
  std::uint64_t next_id_ = 0;
  watcher watcher_;
};

} // namespace echelon::providers
