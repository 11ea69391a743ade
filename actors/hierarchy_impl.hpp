/// The inside of a hierarchy: what was asked and has no answer yet, and the way to all actors.
/// CAF-facing; for hierarchy.cpp alone.
#pragma once

#include "actors/hierarchy.hpp"

#include "actors/borrower.hpp"
#include "actors/internals.hpp"
#include "actors/level.hpp"
#include "actors/on_caller.hpp"
#include "actors/translate.hpp"

#include <caf/actor_companion.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/send.hpp>

#include <atomic>
#include <mutex>
#include <random>
#include <unordered_map>

namespace echelon::actors {

/// Of a hierarchy that has an actor system of its own.
struct own_config : caf::actor_system_config {
  explicit own_config(unsigned threads) {
    add_message_types<caf::id_block::echelon>();
    if (threads > 0) set("scheduler.max-threads", static_cast<std::size_t>(threads));
    // One queue whose workers sleep until there is work: those that steal look for it 20,000 times
    // a second each for a while after every message.
    set("scheduler.policy", caf::atom("sharing"));
    set("logger.console", caf::atom("none"));
  }
};

class hierarchy::impl : public std::enable_shared_from_this<impl> {
public:
  using answer = std::function<void(caf::message*)>; // Null: the actor is gone.

  explicit impl(unsigned threads)
      : config_(std::make_unique<own_config>(threads)),
        own_(std::make_unique<caf::actor_system>(*config_)), system_(*own_) {
    here_ = std::make_unique<on_caller>(system_);
  }
  impl(caf::actor_system& host, bool in_cluster) : clustered(in_cluster), system_(host) {}

  void start(const policy::topology_ptr& topology) {
    children = std::make_shared<family>(system_, where);
    if (clustered) children->set_filter([](const auto&) { return false; });
    post = std::make_shared<supervisor_post>(system_, children);
    post->begin();
    companion_ =
        caf::actor_cast<caf::strong_actor_ptr>(system_.spawn<caf::actor_companion, caf::hidden>());
    companion().on_enqueue([weak = weak_from_this()](caf::mailbox_element_ptr x) {
      if (const auto self = weak.lock()) self->receive(*x);
    });
    if (clustered) begin_leases();
    apply(topology);
    inside = std::make_unique<internals>(internals{system_, where, children, post, held, leases});
  }

  void begin_leases() {
    leases = std::make_shared<branches>(where, policy::gateway_of(last_hold));
    const std::weak_ptr<branches> weak = leases;
    where->pass = [weak](messages::admit_request& msg, policy::time_point at) {
      const auto all = weak.lock();
      return all ? all->pass(msg, at) : std::nullopt;
    };
    where->admitted = [weak](policy::hold_id hold) {
      if (const auto all = weak.lock()) all->note_own(hold);
    };
    borrower_ = system_.spawn(borrower, leases, std::shared_ptr<const directory>{where});
    leases->set_wake([to = borrower_] { caf::anon_send(to, due_atom::value); });
  }

  void stop() {
    inside.reset();
    children->close();
    if (leases) {
      leases->set_wake(nullptr);
      caf::anon_send_exit(borrower_, caf::exit_reason::user_shutdown);
      borrower_ = nullptr;
    }
    post->end();
    // actor_companion::disconnect is declared but not defined in CAF 0.17.6.
    companion().on_enqueue(nullptr);
    companion().cleanup(caf::exit_reason::user_shutdown, nullptr);
    companion_ = nullptr;
  }

  void apply(const policy::topology_ptr& topology) {
    {
      const std::lock_guard guard{mutex_};
      topology_ = topology;
    }
    held->apply(topology);
    if (leases) leases->apply(*topology, now());
    children->apply(*topology);
    post->watch();
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
      pending_.emplace(id, pending{std::move(then), now()});
    }
    send(to, companion_, caf::make_message_id(id), std::forward<Message>(message));
  }

  template <class Message>
  void send(const level_actor& to, const caf::strong_actor_ptr& from, caf::message_id id,
            Message&& message) {
    auto content = caf::make_message(std::forward<Message>(message));
    auto* const actor = caf::actor_cast<caf::abstract_actor*>(to);
    if (here_)
      here_->run([&](auto* unit) { actor->enqueue(from, id, std::move(content), unit); });
    else
      actor->enqueue(from, id, std::move(content), nullptr);
  }

  /// Takes a request along its route as long as the actors are idle. Nothing: the first of what is
  /// left of its route is to be sent it.
  std::optional<messages::admit_reply> visit(messages::admit_request& msg) {
    if (!here_) return std::nullopt;
    const auto at = now();
    while (const auto to = visitable(msg.route.front())) {
      auto step = host_of(to).visit(msg, at);
      if (!step) break;
      if (auto* reply = std::get_if<messages::admit_reply>(&*step)) return std::move(*reply);
    }
    return std::nullopt;
  }

  std::optional<messages::outcome_reply> visit(const messages::report_outcome& msg,
                                               policy::time_point at) {
    const auto to = visitable(msg.actor);
    return to ? host_of(to).visit(msg, at) : std::nullopt;
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
      then = std::move(i->second.then);
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
    if (const auto i = waits_by_token_.find(id); i != waits_by_token_.end()) {
      waits_.erase(i->second);
      waits_by_token_.erase(i);
    }
  }

  /// Ends what is older without an answer. Asks (`give_back`) keep an ear open for a late one.
  void expire(policy::time_point before) {
    std::vector<answer> over;
    {
      const std::lock_guard guard{mutex_};
      for (auto i = pending_.begin(); i != pending_.end();) {
        if (i->second.since >= before) {
          ++i;
          continue;
        }
        over.push_back(std::move(i->second.then));
        const auto own = late_.find(i->first);
        if (own == late_.end()) {
          i = pending_.erase(i);
          continue;
        }
        i->second.then = std::move(own->second);
        i->second.since = policy::time_point::max();
        late_.erase(own);
        ++i;
      }
    }
    for (const auto& then : over)
      then(nullptr);
  }

  /// What to do with an answer that comes after expire().
  void if_late(token id, answer then) {
    const std::lock_guard guard{mutex_};
    late_[id] = std::move(then);
  }
  void not_late(token id) {
    const std::lock_guard guard{mutex_};
    late_.erase(id);
  }

  void wake_all() {
    std::vector<std::function<void(policy::refusal)>> all;
    {
      const std::lock_guard guard{mutex_};
      for (auto& [hold, x] : waits_)
        all.push_back(std::move(x.then));
      waits_.clear();
      waits_by_token_.clear();
    }
    for (const auto& then : all)
      then(policy::refusal::none);
  }

  policy::topology_ptr topology() {
    const std::lock_guard guard{mutex_};
    return topology_;
  }

  token next_token() { return ++last_token_; }

  policy::time_point now() { return system_.clock().now(); }

  /// What the actor must be told of it; nothing if a lease began it and it ends here.
  std::optional<messages::report_outcome> end(const policy::actor_release& x) {
    auto msg = to_message(x);
    if (!clustered) return msg;
    held->ended(x);
    if (leases->release(msg, now())) return std::nullopt;
    return msg;
  }

  void tell(const policy::actor_release& x, policy::time_point at) {
    auto msg = end(x);
    if (!msg || visit(*msg, at)) return;
    if (const auto to = where->find(x.actor))
      send(to, nullptr, caf::make_message_id(), std::move(*msg));
  }

  void give_back(policy::hold_id hold, const std::vector<policy::path_id>& trail) {
    const auto at = now();
    for (const auto actor : trail)
      tell({actor, {hold, policy::outcome::neutral, true, -1, {}}, 0}, at);
  }

  /// Passes an answer on: at once, or when enough other nodes know what it lets begin. `since`:
  /// when it was asked for; expire() bounds both together.
  void begin(const policy::ask_admission& asked, policy::time_point since,
             policy::admission_answer x,
             const std::function<void(policy::admission_answer)>& then) {
    const auto refused = [this, hold = asked.hold](policy::admission_answer y) {
      give_back(hold, y.trail);
      y.why = policy::refusal::unavailable;
      y.trail.clear();
      return y;
    };
    const auto at = now();
    // Others may wait for this node no more: they count without it.
    if (!where->may_act(at)) return then(refused(std::move(x)));
    if (held->granted(asked, x.trail, at)) return then(std::move(x));
    const auto kept = std::make_shared<policy::admission_answer>(std::move(x));
    held->when_known(asked.hold, kept->trail, since, [this, kept, refused, then](bool known) {
      const bool may = known && where->may_act(now());
      then(may ? std::move(*kept) : refused(std::move(*kept)));
    });
  }

  std::shared_ptr<directory> where = std::make_shared<directory>();
  std::shared_ptr<family> children;
  std::shared_ptr<supervisor_post> post;
  std::shared_ptr<holdings> held = std::make_shared<holdings>();
  std::shared_ptr<branches> leases; // Null: not clustered.
  std::unique_ptr<internals> inside;
  bool clustered = false;
  /// The upper 24 bits name this gateway, see policy::gateway_of.
  std::atomic<policy::hold_id> last_hold{(std::uint64_t{std::random_device{}()} << 40U) | 1U};

private:
  /// The actor, if it may be visited; null if it is asked by message alone.
  level_actor visitable(policy::path_id id) const {
    return here_ ? where->local(id) : level_actor{};
  }
  static level_host& host_of(const level_actor& x) {
    return *static_cast<level_host*>(caf::actor_cast<caf::abstract_actor*>(x));
  }
  caf::actor_companion& companion() {
    return *static_cast<caf::actor_companion*>(caf::actor_cast<caf::abstract_actor*>(companion_));
  }

  // Null: the host decides who runs its actors. Outlives the actors.
  std::unique_ptr<on_caller> here_;
  std::unique_ptr<own_config> config_;
  std::unique_ptr<caf::actor_system> own_;
  caf::actor_system& system_;
  caf::actor borrower_;
  caf::strong_actor_ptr companion_;
  std::atomic<token> last_token_{0};
  policy::topology_ptr topology_;
  std::mutex mutex_;
  std::unordered_map<token, answer> late_;
  struct pending {
    answer then;
    policy::time_point since;
    bool late = false; // Its asker has been told that there is no answer.
  };
  std::unordered_map<token, pending> pending_;
  struct waiting {
    token id = 0;
    std::function<void(policy::refusal)> then;
  };
  std::unordered_map<policy::hold_id, waiting> waits_;
  std::unordered_map<token, policy::hold_id> waits_by_token_;
};

} // namespace echelon::actors
