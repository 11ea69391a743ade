#include "actors/supervisor.hpp"
#include "config/log.hpp"

#include <caf/send.hpp>

namespace echelon::actors {

void family::start(policy::path_id id, child& x) {
  x.handle = system_.spawn(level, x.memory, std::shared_ptr<const directory>{where_});
  where_->set(id, x.handle);
  unwatched_.push_back(x.handle);
}

void family::apply(const policy::topology& target) {
  const std::lock_guard guard{mutex_};
  if (closed_) return;
  const auto now = system_.clock().now();
  for (const auto& [id, spec] : target.actors) {
    if (mine_ && children_.count(id) == 0 && !mine_(spec)) continue;
    auto& x = children_[id];
    if (!x.memory) {
      x.memory = std::make_shared<level_memory>(spec, now);
      x.spec = spec;
      start(id, x);
    } else if (x.removed || !(x.spec == spec)) {
      x.removed = false;
      x.spec = spec;
      caf::anon_send(x.handle,
                     messages::apply_spec{std::make_shared<const policy::actor_spec>(spec)});
    }
  }
  for (auto& [id, x] : children_) {
    if (x.removed || target.actors.count(id) != 0) continue;
    x.removed = true;
    caf::anon_send(x.handle, messages::apply_spec{});
  }
}

void family::set_filter(std::function<bool(const policy::actor_spec&)> mine) {
  const std::lock_guard guard{mutex_};
  mine_ = std::move(mine);
}

bool family::take_over(const policy::actor_spec& spec,
                       const std::function<void(level_core&)>& fill) {
  const std::lock_guard guard{mutex_};
  if (closed_ || children_.count(spec.id) != 0) return false;
  auto& x = children_[spec.id];
  x.memory = std::make_shared<level_memory>(spec, system_.clock().now());
  x.spec = spec;
  fill(x.memory->core);
  start(spec.id, x);
  return true;
}

level_actor family::release(policy::path_id id) {
  const std::lock_guard guard{mutex_};
  const auto i = children_.find(id);
  if (i == children_.end()) return {};
  where_->erase(id);
  auto handle = i->second.handle;
  children_.erase(i);
  return handle;
}

std::vector<level_actor> family::take_unwatched() {
  const std::lock_guard guard{mutex_};
  return std::exchange(unwatched_, {});
}

bool family::ended(const caf::actor_addr& who) {
  const std::lock_guard guard{mutex_};
  for (auto i = children_.begin(); i != children_.end(); ++i) {
    auto& x = i->second;
    if (x.handle.address() != who) continue;
    if (closed_ || (x.removed && x.memory->core.finished(system_.clock().now()))) {
      where_->erase(i->first);
      children_.erase(i);
      return false;
    }
    ++x.memory->restarts;
    log().warn("actor {} died and is started anew (restart {})", x.spec.path, x.memory->restarts);
    start(i->first, x);
    // Settings that were on their way to the dead actor.
    auto spec = x.removed ? nullptr : std::make_shared<const policy::actor_spec>(x.spec);
    caf::anon_send(x.handle, messages::apply_spec{std::move(spec)});
    return true;
  }
  return false;
}

std::vector<level_actor> family::all() const {
  const std::lock_guard guard{mutex_};
  std::vector<level_actor> result;
  for (const auto& [id, x] : children_)
    if (!x.removed) result.push_back(x.handle);
  return result;
}

void family::look_at_each(const std::function<void(const level_core&)>& look) const {
  const std::lock_guard guard{mutex_};
  for (const auto& [id, x] : children_)
    look(x.memory->core);
}

void family::close() {
  const std::lock_guard guard{mutex_};
  closed_ = true;
  for (auto& [id, x] : children_) {
    caf::anon_send_exit(x.handle, caf::exit_reason::user_shutdown);
    where_->erase(id);
  }
  unwatched_.clear();
}

caf::behavior supervisor(caf::stateful_actor<supervisor_state>* self,
                         std::shared_ptr<family> children) {
  const auto watch = [self, children] {
    for (const auto& x : children->take_unwatched())
      self->monitor(x);
  };
  self->set_down_handler([children, watch](const caf::down_msg& msg) {
    if (children->ended(msg.source)) watch();
  });
  return {[watch](watch_atom) { watch(); }};
}

} // namespace echelon::actors
