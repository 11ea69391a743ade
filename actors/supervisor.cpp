#include "actors/supervisor.hpp"
#include "config/log.hpp"

#include <caf/send.hpp>

#include <algorithm>

namespace echelon::actors {

void family::start(policy::path_id id, child& x) {
  x.handle = system_.spawn<level_host>(x.memory, std::shared_ptr<const directory>{where_});
  static_cast<level_host*>(caf::actor_cast<caf::abstract_actor*>(x.handle))->move_in();
  where_->set(id, x.handle);
  unwatched_.push_back(x.handle);
}

void family::apply(const policy::topology& target) {
  const std::lock_guard guard{mutex_};
  if (closed_ || failed_) return;
  const auto now = system_.clock().now();
  for (const auto& [id, spec] : target.actors) {
    if (mine_ && children_.count(id) == 0 && !mine_(spec)) continue;
    auto& x = children_[id];
    if (!x.memory) {
      x.memory = std::make_shared<level_memory>(spec, now);
      x.book = policy::restart_book{terms_};
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
  if (closed_ || failed_ || children_.count(spec.id) != 0) return false;
  auto& x = children_[spec.id];
  x.memory = std::make_shared<level_memory>(spec, system_.clock().now());
  x.book = policy::restart_book{terms_};
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
  i->second.memory->door.close();
  children_.erase(i);
  return handle;
}

std::vector<level_actor> family::take_unwatched() {
  const std::lock_guard guard{mutex_};
  return std::exchange(unwatched_, {});
}

family::aftermath family::ended(const caf::actor_addr& who) {
  std::unique_lock guard{mutex_};
  const auto i = std::find_if(children_.begin(), children_.end(),
                              [&](const auto& x) { return x.second.handle.address() == who; });
  if (i == children_.end()) return {};
  auto& [id, x] = *i;
  const auto now = system_.clock().now();
  if (closed_ || failed_ || (x.removed && x.memory->core.finished(now))) {
    x.memory->door.close();
    where_->erase(id);
    children_.erase(i);
    return {};
  }
  if (std::exchange(x.with_family, false)) {
    start_anew(id, x);
    return {};
  }
  if (const auto delay = x.book.died(now)) {
    x.down = true;
    return {id, *delay};
  }
  if (book_.died(now)) {
    restart_all(id);
    return {};
  }
  give_up(id);
  const auto then = when_failed_;
  guard.unlock();
  if (then) then();
  return {};
}

void family::restart(policy::path_id id) {
  const std::lock_guard guard{mutex_};
  const auto i = children_.find(id);
  if (closed_ || failed_ || i == children_.end() || !i->second.down) return;
  i->second.down = false;
  start_anew(id, i->second);
}

void family::start_anew(policy::path_id id, child& x) {
  const auto n = ++x.memory->restarts;
  ++totals_.restarts;
  log().warn("actor {} died and is started anew (restart {})", x.spec.path, n);
  start(id, x);
  // Settings that were on their way to the dead actor.
  auto spec = x.removed ? nullptr : std::make_shared<const policy::actor_spec>(x.spec);
  caf::anon_send(x.handle, messages::apply_spec{std::move(spec)});
}

void family::restart_all(policy::path_id because) {
  ++totals_.escalations;
  log().error("actor {} died too often: all actors are started anew, with what they remember",
              children_.at(because).spec.path);
  for (auto& [id, x] : children_) {
    x.book.clear();
    if (id == because || std::exchange(x.down, false)) {
      start_anew(id, x);
    } else {
      x.with_family = true;
      caf::anon_send_exit(x.handle, caf::exit_reason::kill);
    }
  }
}

void family::give_up(policy::path_id because) {
  failed_ = true;
  log().critical("actor {} goes on dying after all actors were started anew: this node gives up "
                 "and admits nobody; end it and start it again",
                 children_.at(because).spec.path);
  for (auto& [id, x] : children_) {
    x.memory->door.close();
    where_->erase(id);
    caf::anon_send_exit(x.handle, caf::exit_reason::user_shutdown);
  }
  unwatched_.clear();
}

void family::change_supervisor() {
  const std::lock_guard guard{mutex_};
  if (closed_ || failed_) return;
  ++totals_.supervisors;
  unwatched_.clear();
  for (auto& [id, x] : children_) {
    x.memory->door.open();
    if (std::exchange(x.down, false))
      start_anew(id, x);
    else
      unwatched_.push_back(x.handle);
  }
}

void family::set_restart_limits(const policy::restart_terms& each,
                                const policy::restart_terms& all) {
  const std::lock_guard guard{mutex_};
  terms_ = each;
  book_ = policy::restart_book{all};
  for (auto& [id, x] : children_)
    x.book = policy::restart_book{each};
}

void family::set_failed(std::function<void()> then) {
  const std::lock_guard guard{mutex_};
  when_failed_ = std::move(then);
}

supervision_totals family::totals() const {
  const std::lock_guard guard{mutex_};
  auto x = totals_;
  x.failed = failed_;
  for (const auto& [id, c] : children_)
    x.down += c.down ? 1 : 0;
  return x;
}

bool family::plant(policy::path_id id, planted_fault::where where) {
  const std::lock_guard guard{mutex_};
  const auto i = children_.find(id);
  if (i == children_.end()) return false;
  i->second.memory->fault.plant(where);
  return true;
}

bool family::lose(policy::path_id id, std::int64_t messages) {
  const std::lock_guard guard{mutex_};
  const auto i = children_.find(id);
  if (i == children_.end()) return false;
  i->second.memory->losses = messages;
  return true;
}

bool family::shut(policy::path_id id) {
  const std::lock_guard guard{mutex_};
  const auto i = children_.find(id);
  if (i == children_.end()) return false;
  i->second.memory->door.shut();
  return true;
}

void family::open(policy::path_id id) {
  const std::lock_guard guard{mutex_};
  if (const auto i = children_.find(id); i != children_.end()) i->second.memory->door.open();
}

std::size_t family::kept(policy::path_id id) const {
  const std::lock_guard guard{mutex_};
  const auto i = children_.find(id);
  return i == children_.end() ? 0 : i->second.memory->door.kept();
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
    x.memory->door.close();
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
  self->set_down_handler([self, children, watch](const caf::down_msg& msg) {
    const auto x = children->ended(msg.source);
    if (x.restart_after && *x.restart_after > policy::duration::zero())
      self->delayed_send(self, *x.restart_after, restart_atom::value, x.id);
    else if (x.restart_after)
      children->restart(x.id);
    watch();
  });
  return {
      [watch](watch_atom) { watch(); },
      [children, watch](restart_atom, policy::path_id id) {
        children->restart(id);
        watch();
      },
      [self, children](pause_atom, policy::path_id id, std::int64_t ms) {
        self->delayed_send(self, std::chrono::milliseconds{ms}, open_atom::value, id);
      },
      [children](open_atom, policy::path_id id) { children->open(id); },
  };
}

} // namespace echelon::actors
