#include "actors/supervisor_post.hpp"

#include "config/log.hpp"

#include <caf/send.hpp>

namespace echelon::actors {

void supervisor_post::begin() {
  const std::lock_guard guard{mutex_};
  appoint();
}

void supervisor_post::appoint() {
  current_ = system_.spawn(supervisor, children_);
  caf::actor_cast<caf::abstract_actor*>(current_)->attach_functor(
      [weak = weak_from_this()](const caf::error&) {
        const auto self = weak.lock();
        if (!self) return;
        const std::lock_guard guard{self->mutex_};
        if (self->over_) return;
        log().error("the supervisor died; another follows");
        self->children_->change_supervisor();
        self->appoint();
        caf::anon_send(self->current_, watch_atom::value);
      });
}

void supervisor_post::end() {
  const std::lock_guard guard{mutex_};
  over_ = true;
  caf::anon_send_exit(current_, caf::exit_reason::user_shutdown);
  current_ = nullptr;
}

caf::actor supervisor_post::current() const {
  const std::lock_guard guard{mutex_};
  return current_;
}

void supervisor_post::watch() {
  if (const auto to = current()) caf::anon_send(to, watch_atom::value);
}

void supervisor_post::open_after(policy::path_id id, std::int64_t ms) {
  if (const auto to = current()) caf::anon_send(to, pause_atom::value, id, ms);
}

void supervisor_post::kill() {
  if (const auto x = current()) caf::anon_send_exit(x, caf::exit_reason::kill);
}

} // namespace echelon::actors
