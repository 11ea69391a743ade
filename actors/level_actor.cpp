// The life of an actor of the hierarchy: how its messages come in, and what it leaves behind.
#include "actors/level.hpp"

#include <caf/intrusive/task_result.hpp>

namespace echelon::actors {
namespace {

/// Takes everything out of CAF's nest of queues.
struct collector {
  std::deque<caf::mailbox_element_ptr>& to;

  void operator()(caf::mailbox_element& x) {
    to.push_back(caf::make_mailbox_element(std::move(x.sender), x.mid, std::move(x.stages),
                                           x.move_content_to_message()));
  }
  template <class Key, class Queue, class... Ts>
  caf::intrusive::task_result operator()(const Key&, const Queue&, Ts&... xs) {
    (*this)(xs...);
    return caf::intrusive::task_result::resume;
  }
};

/// Nobody told it to end for good.
bool is_death(const caf::error& why) {
  return why && why != caf::exit_reason::normal && why != caf::exit_reason::user_shutdown
         && why != caf::exit_reason::unreachable;
}

} // namespace

level_host::level_host(caf::actor_config& config, std::shared_ptr<level_memory> memory,
                       std::shared_ptr<const directory> where)
    : level_actor::base(config), memory_(std::move(memory)), where_(std::move(where)) {}

level_actor::behavior_type level_host::make_behavior() {
  return level(this, memory_, where_);
}

/// As if the network had not brought it. What nodes say of their ends is CAF's own and not meant.
bool level_host::is_lost(const caf::mailbox_element& x) {
  auto& losses = memory_->losses;
  if (losses.load(std::memory_order_relaxed) <= 0 || !x.sender || x.sender->node() == node())
    return false;
  return losses.fetch_sub(1) > 0;
}

void level_host::enqueue(caf::mailbox_element_ptr x, caf::execution_unit* where) {
  if (is_lost(*x)) return;
  if (auto own = memory_->door.come(std::move(x), *this, where)) read(std::move(own), where);
}

void level_host::read(caf::mailbox_element_ptr x, caf::execution_unit* where) {
  level_actor::base::enqueue(std::move(x), where);
}

std::deque<caf::mailbox_element_ptr> level_host::leave_behind() {
  std::deque<caf::mailbox_element_ptr> rest;
  mailbox().close();
  get_urgent_queue().flush_cache();
  get_normal_queue().flush_cache();
  collector take{rest};
  while (mailbox().queue().new_round(1000, take).consumed_items > 0) {
  }
  return rest;
}

void level_host::on_exit() {
  for (auto& x : std::exchange(short_of, {}))
    x.promise.deliver(unavailable(memory_->core.spec().id, x.msg));
}

bool level_host::cleanup(caf::error&& why, caf::execution_unit* where) {
  memory_->door.move_out(*this, is_death(why));
  return level_actor::base::cleanup(std::move(why), where);
}

} // namespace echelon::actors
