/// Decision records: why each request went where it went.
#pragma once

#include "policy/dispatch.hpp"

#include <nlohmann/json.hpp>

#include <deque>
#include <mutex>
#include <optional>
#include <string>

namespace echelon::engine {

/// The course of one finished request.
struct decision_record {
  std::string id; ///< `x-request-id`
  std::string target;
  std::string route;   ///< `plan_group.echelon2/openai-gpt4-turbo`; empty: no attempt was made.
  std::string outcome; ///< In words.
  int status = 0;
  bool stream = false;
  std::uint32_t attempts = 0;
  std::chrono::system_clock::time_point at;
  policy::time_point started{}, ended{};
  policy::duration queued{};
  std::vector<policy::step> steps;
};

[[nodiscard]] nlohmann::json to_json(const decision_record& x);
/// The same without its steps.
[[nodiscard]] nlohmann::json summary_json(const decision_record& x);

/// The newest records, bounded. Thread-safe.
class record_ring {
public:
  explicit record_ring(std::size_t capacity) : capacity_(capacity) {}
  void add(decision_record x);
  /// The newest of that id.
  [[nodiscard]] std::optional<decision_record> find(const std::string& id) const;
  [[nodiscard]] std::vector<decision_record> newest(std::size_t most) const;

private:
  // Requests add all the time, people look seldom: that is a walk over the hashes, no index.
  struct entry {
    std::size_t hash; // Of the id.
    std::shared_ptr<const decision_record> record;
  };
  std::size_t capacity_;
  mutable std::mutex mutex_;
  std::deque<entry> ring_; // Newest last.
};

} // namespace echelon::engine
