/// Keeps the place of the supervisor filled. CAF-facing.
#pragma once

#include "actors/supervisor.hpp"

#include <memory>
#include <mutex>

namespace echelon::actors {

/// One supervisor at a time: when it dies, another follows, who goes on with what it left undone.
/// Thread-safe.
class supervisor_post : public std::enable_shared_from_this<supervisor_post> {
public:
  supervisor_post(caf::actor_system& system, std::shared_ptr<family> children)
      : system_(system), children_(std::move(children)) {}

  /// The first one begins. To be called once, before all others.
  void begin();
  /// Nobody follows any more.
  void end();
  /// After new actors were started.
  void watch();
  /// Opens the door of an actor after so many milliseconds.
  void open_after(policy::path_id id, std::int64_t ms);
  /// As by a crash.
  void kill();

private:
  void appoint(); // With the lock.
  caf::actor current() const;

  caf::actor_system& system_;
  std::shared_ptr<family> children_;
  mutable std::mutex mutex_;
  caf::actor current_;
  bool over_ = false;
};

} // namespace echelon::actors
