#include "actors/hierarchy.hpp"

#include "actors/supervisor.hpp"
#include "actors/translate.hpp"

#include <caf/actor_companion.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <atomic>
#include <random>

namespace echelon::actors {
namespace {

struct own_config : caf::actor_system_config {
  explicit own_config(unsigned threads) {
    add_message_types<caf::id_block::echelon>();
    if (threads > 0) set("scheduler.max-threads", static_cast<std::size_t>(threads));
    set("logger.console", caf::atom("none"));
  }
};

} // namespace

class hierarchy::impl : public std::enable_shared_from_this<impl> {
public:
  using answer = std::function<void(caf::message*)>; // Null: the actor is gone.

  explicit impl(unsigned threads)
      : config_(std::make_unique<own_config>(threads)),
        own_(std::make_unique<caf::actor_system>(*config_)), system_(*own_) {}
  explicit impl(caf::actor_system& host) : system_(host) {}

  void start(const policy::topology& topology) {
    children = std::make_shared<family>(system_, where);
    supervisor_ = system_.spawn(supervisor, children);
    companion_ =
        caf::actor_cast<caf::strong_actor_ptr>(system_.spawn<caf::actor_companion, caf::hidden>());
    companion().on_enqueue([weak = weak_from_this()](caf::mailbox_element_ptr x) {
      if (const auto self = weak.lock()) self->receive(*x);
    });
    apply(topology);
  }

  void stop() {
    children->close();
    caf::anon_send_exit(supervisor_, caf::exit_reason::user_shutdown);
    // actor_companion::disconnect is declared but not defined in CAF 0.17.6.
    companion().on_enqueue(nullptr);
    companion().cleanup(caf::exit_reason::user_shutdown, nullptr);
    companion_ = nullptr;
    supervisor_ = nullptr;
  }

  void apply(const policy::topology& topology) {
    children->apply(topology);
    caf::anon_send(supervisor_, watch_atom::value);
  }

  /// Sends a request whose answer goes to `then`.
  template <class Message>
  void request(const level_actor& to, Message&& message, answer then, token id) {
    if (!to) {
      then(nullptr);
      return;
    }
    {
      const std::lock_guard guard{mutex_};
      pending_.emplace(id, std::move(then));
    }
    caf::actor_cast<caf::strong_actor_ptr>(to)->enqueue(
        companion_, caf::make_message_id(id), caf::make_message(std::forward<Message>(message)),
        nullptr);
  }

  void receive(caf::mailbox_element& x) {
    if (!x.mid.is_response()) {
      auto content = x.move_content_to_message();
      if (!content.match_elements<messages::turn_granted>()) return;
      if (auto then = take_wait(content.get_as<messages::turn_granted>(0).hold))
        then(policy::refusal::none);
      return;
    }
    answer then;
    {
      const std::lock_guard guard{mutex_};
      const auto i = pending_.find(x.mid.request_id().integer_value());
      if (i == pending_.end()) return;
      then = std::move(i->second);
      pending_.erase(i);
    }
    auto content = x.move_content_to_message();
    then(content.match_elements<caf::error>() ? nullptr : &content);
  }

  std::function<void(policy::refusal)> take_wait(policy::hold_id hold) {
    const std::lock_guard guard{mutex_};
    const auto i = waits_.find(hold);
    if (i == waits_.end()) return nullptr;
    auto then = std::move(i->second.then);
    waits_by_token_.erase(i->second.id);
    waits_.erase(i);
    return then;
  }

  void add_wait(policy::hold_id hold, token id, std::function<void(policy::refusal)> then) {
    const std::lock_guard guard{mutex_};
    waits_[hold] = {id, std::move(then)};
    waits_by_token_[id] = hold;
  }

  void forget(token id) {
    const std::lock_guard guard{mutex_};
    if (const auto i = forgotten_.find(id); i != forgotten_.end()) {
      *i->second = true;
      forgotten_.erase(i);
    }
    if (const auto i = waits_by_token_.find(id); i != waits_by_token_.end()) {
      waits_.erase(i->second);
      waits_by_token_.erase(i);
    }
  }

  std::shared_ptr<std::atomic<bool>> can_forget(token id) {
    auto flag = std::make_shared<std::atomic<bool>>(false);
    const std::lock_guard guard{mutex_};
    forgotten_.emplace(id, flag);
    return flag;
  }

  void cannot_forget(token id) {
    const std::lock_guard guard{mutex_};
    forgotten_.erase(id);
  }

  token next_token() { return ++last_token_; }

  void tell(const policy::actor_release& x) {
    if (const auto to = where->find(x.actor)) caf::anon_send(to, to_message(x));
  }

  std::shared_ptr<directory> where = std::make_shared<directory>();
  std::shared_ptr<family> children;
  std::atomic<policy::hold_id> last_hold{(std::uint64_t{std::random_device{}()} << 32U) | 1U};

private:
  caf::actor_companion& companion() {
    return *static_cast<caf::actor_companion*>(caf::actor_cast<caf::abstract_actor*>(companion_));
  }

  std::unique_ptr<own_config> config_;
  std::unique_ptr<caf::actor_system> own_;
  caf::actor_system& system_;
  caf::actor supervisor_;
  caf::strong_actor_ptr companion_;
  std::atomic<token> last_token_{0};
  std::mutex mutex_;
  std::unordered_map<token, answer> pending_;
  struct waiting {
    token id = 0;
    std::function<void(policy::refusal)> then;
  };
  std::unordered_map<policy::hold_id, waiting> waits_;
  std::unordered_map<token, policy::hold_id> waits_by_token_;
  std::unordered_map<token, std::shared_ptr<std::atomic<bool>>> forgotten_;
};

hierarchy::hierarchy(const policy::topology& topology, unsigned threads)
    : impl_(std::make_shared<impl>(threads)) {
  impl_->start(topology);
}

hierarchy::hierarchy(caf::actor_system& host, const policy::topology& topology)
    : impl_(std::make_shared<impl>(host)) {
  impl_->start(topology);
}

hierarchy::~hierarchy() {
  impl_->stop();
}

hierarchy::token hierarchy::ask(const policy::ask_admission& x,
                                std::function<void(policy::admission_answer)> then) {
  auto msg = to_message(x);
  const auto first = x.route.front();
  const auto id = impl_->next_token();
  const auto forgotten = impl_->can_forget(id);
  impl_->request(
      impl_->where->find(first), std::move(msg),
      [self = impl_.get(), id, first, forgotten, hold = x.hold,
       then = std::move(then)](caf::message* m) {
        self->cannot_forget(id);
        policy::admission_answer answer;
        answer.why = policy::refusal::unavailable;
        answer.by = first;
        if (m != nullptr && m->match_elements<messages::admit_reply>())
          answer = to_answer(std::move(m->get_mutable_as<messages::admit_reply>(0)));
        if (!*forgotten) {
          then(std::move(answer));
          return;
        }
        for (const auto actor : answer.trail)
          self->tell({actor, {hold, policy::outcome::neutral, true, -1, {}}, 0});
      },
      id);
  return id;
}

hierarchy::token hierarchy::wait(const policy::wait_turn& x,
                                 std::function<void(policy::refusal)> then) {
  const auto now = policy::clock::now();
  const messages::wait_request msg{x.who.id, x.who.priority, (x.who.deadline - now).count(),
                                   (now - x.who.since).count()};
  const auto id = impl_->next_token();
  const auto hold = x.who.id;
  impl_->add_wait(hold, id, std::move(then));
  impl_->request(
      impl_->where->find(x.actor), msg,
      [self = impl_.get(), hold](caf::message* m) {
        auto why = policy::refusal::unavailable;
        if (m != nullptr && m->match_elements<messages::wait_reply>())
          why = static_cast<policy::refusal>(m->get_as<messages::wait_reply>(0).why);
        if (why == policy::refusal::saturated) return; // turn_granted follows.
        if (auto done = self->take_wait(hold)) done(why);
      },
      id);
  return id;
}

void hierarchy::forget(token x) {
  impl_->forget(x);
}

void hierarchy::tell(const policy::actor_release& x) {
  impl_->tell(x);
}

void hierarchy::tell(const policy::actor_release& x, std::function<void(policy::duration)> then) {
  impl_->request(
      impl_->where->find(x.actor), to_message(x),
      [then = std::move(then)](caf::message* m) {
        const bool known = m != nullptr && m->match_elements<messages::outcome_reply>();
        then(policy::duration{known ? m->get_as<messages::outcome_reply>(0).closed_for_ns : 0});
      },
      impl_->next_token());
}

void hierarchy::states(std::function<void(std::vector<messages::actor_state>)> then) {
  struct gathering {
    std::mutex mutex;
    std::size_t open = 0;
    std::vector<messages::actor_state> found;
    std::function<void(std::vector<messages::actor_state>)> then;
  };
  const auto all = impl_->children->all();
  const auto sum = std::make_shared<gathering>();
  sum->open = all.size() + 1;
  sum->then = std::move(then);
  const auto arrived = [sum](messages::actor_state* x) {
    std::unique_lock guard{sum->mutex};
    if (x != nullptr) sum->found.push_back(std::move(*x));
    if (--sum->open > 0) return;
    guard.unlock();
    std::sort(sum->found.begin(), sum->found.end(),
              [](const auto& a, const auto& b) { return a.path < b.path; });
    sum->then(std::move(sum->found));
  };
  for (const auto& x : all)
    impl_->request(
        x, messages::get_state{},
        [arrived](caf::message* m) {
          const bool known = m != nullptr && m->match_elements<messages::actor_state>();
          arrived(known ? &m->get_mutable_as<messages::actor_state>(0) : nullptr);
        },
        impl_->next_token());
  arrived(nullptr);
}

void hierarchy::state(policy::path_id id,
                      std::function<void(std::optional<messages::actor_state>)> then) {
  impl_->request(
      impl_->where->find(id), messages::get_state{},
      [then = std::move(then)](caf::message* m) {
        if (m != nullptr && m->match_elements<messages::actor_state>())
          then(std::move(m->get_mutable_as<messages::actor_state>(0)));
        else
          then(std::nullopt);
      },
      impl_->next_token());
}

void hierarchy::tell_health(policy::path_id actor, policy::path_id member, bool healthy) {
  if (const auto to = impl_->where->find(actor))
    caf::anon_send(to, messages::report_health{member, healthy});
}

void hierarchy::apply(const policy::topology& topology) {
  impl_->apply(topology);
}

bool hierarchy::kill(policy::path_id id) {
  const auto x = impl_->where->find(id);
  if (!x) return false;
  caf::anon_send_exit(x, caf::exit_reason::kill);
  return true;
}

policy::hold_id hierarchy::new_hold() {
  return ++impl_->last_hold;
}

} // namespace echelon::actors
