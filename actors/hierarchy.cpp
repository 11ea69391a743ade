#include "actors/hierarchy_impl.hpp"

#include <algorithm>

namespace echelon::actors {

hierarchy::hierarchy(const policy::topology_ptr& topology, unsigned threads)
    : impl_(std::make_shared<impl>(threads)) {
  impl_->start(topology);
}

hierarchy::hierarchy(caf::actor_system& host, const policy::topology_ptr& topology, bool clustered,
                     std::uint32_t tag)
    : impl_(std::make_shared<impl>(host, clustered)) {
  if (tag != 0) impl_->last_hold = (std::uint64_t{tag} << 40U) | 1U;
  impl_->start(topology);
}

hierarchy::~hierarchy() {
  impl_->stop();
}

void hierarchy::ask(const policy::ask_admission& x,
                    std::function<void(policy::admission_answer)> then) {
  const auto since = impl_->now();
  // Whatever is granted now would only be given back.
  if (impl_->clustered && !impl_->where->may_act(since)) {
    policy::admission_answer none;
    none.why = policy::refusal::unavailable;
    none.by = x.route.front();
    return then(std::move(none));
  }
  auto msg = to_message(x);
  if (impl_->clustered)
    if (auto reply = impl_->leases->pass(msg, since))
      return impl_->begin(x, since, to_answer(std::move(*reply)), then);
  if (auto reply = impl_->visit(msg)) return then(to_answer(std::move(*reply)));
  // What leases or visited actors have taken on the way, should nobody answer from here on.
  policy::admission_answer lost;
  lost.why = policy::refusal::unavailable;
  lost.by = msg.route.front();
  lost.trail = msg.trail;
  lost.order = msg.order;
  lost.members = msg.members;
  const auto id = impl_->next_token();
  if (impl_->clustered)
    impl_->if_late(id, [self = impl_.get(), hold = x.hold](caf::message* m) {
      if (m != nullptr && m->match_elements<messages::admit_reply>())
        self->give_back(hold, m->get_as<messages::admit_reply>(0).trail);
    });
  impl_->request(
      impl_->where->find(lost.by), std::move(msg),
      [self = impl_.get(), id, since, lost, asked = impl_->clustered ? x : policy::ask_admission{},
       then = std::move(then)](caf::message* m) {
        auto answer = lost;
        if (m != nullptr && m->match_elements<messages::admit_reply>()) {
          if (self->clustered) self->not_late(id);
          answer = to_answer(std::move(m->get_mutable_as<messages::admit_reply>(0)));
        }
        if (self->clustered)
          self->begin(asked, since, std::move(answer), then);
        else
          then(std::move(answer));
      },
      id);
}

// Also actors that are not on the route: a pool or tier chose them.
void hierarchy::give_back(const policy::ask_admission& x, const policy::admission_answer& answer) {
  auto all = x.route;
  for (const auto actor : answer.trail)
    if (std::find(all.begin(), all.end(), actor) == all.end()) all.push_back(actor);
  impl_->give_back(x.hold, all);
}

hierarchy::token hierarchy::wait(const policy::wait_turn& x,
                                 std::function<void(policy::refusal)> then) {
  const auto now = impl_->now();
  const messages::wait_request msg{x.actor, x.who.id, x.who.priority,
                                   (x.who.deadline - now).count(), (now - x.who.since).count()};
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
  impl_->tell(x, impl_->now());
}

void hierarchy::tell(const std::vector<policy::actor_release>& all) {
  if (all.empty()) return;
  const auto now = impl_->now();
  for (const auto& x : all)
    impl_->tell(x, now);
}

void hierarchy::tell(const policy::actor_release& x, std::function<void(policy::duration)> then) {
  auto msg = impl_->end(x);
  if (!msg) return then(policy::duration::zero());
  if (const auto reply = impl_->visit(*msg, impl_->now()))
    return then(policy::duration{reply->closed_for_ns});
  impl_->request(
      impl_->where->find(x.actor), std::move(*msg),
      [then = std::move(then)](caf::message* m) {
        const bool known = m != nullptr && m->match_elements<messages::outcome_reply>();
        then(policy::duration{known ? m->get_as<messages::outcome_reply>(0).closed_for_ns : 0});
      },
      impl_->next_token());
}

std::function<void()>
hierarchy::states(std::function<void(std::vector<messages::actor_state>)> then) {
  struct gathering {
    std::mutex mutex;
    std::size_t open = 0;
    std::vector<messages::actor_state> found;
    std::function<void(std::vector<messages::actor_state>)> then; // Null: it is over.

    void end(std::unique_lock<std::mutex> guard) {
      const auto to = std::exchange(then, nullptr);
      auto all = std::move(found);
      guard.unlock();
      if (!to) return;
      std::sort(all.begin(), all.end(),
                [](const auto& a, const auto& b) { return a.path < b.path; });
      to(std::move(all));
    }
  };
  // Everywhere, not only here.
  std::vector<std::pair<policy::path_id, level_actor>> all;
  const auto topology = impl_->topology();
  for (const auto& [id, spec] : topology->actors)
    if (auto to = impl_->where->find(id)) all.emplace_back(id, std::move(to));
  const auto sum = std::make_shared<gathering>();
  sum->open = all.size() + 1;
  sum->then = std::move(then);
  const auto arrived = [sum](messages::actor_state* x) {
    std::unique_lock guard{sum->mutex};
    if (x != nullptr && sum->then) sum->found.push_back(std::move(*x));
    if (--sum->open == 0) sum->end(std::move(guard));
  };
  for (const auto& [id, x] : all)
    impl_->request(
        x, messages::get_state{id},
        [arrived](caf::message* m) {
          const bool known = m != nullptr && m->match_elements<messages::actor_state>();
          arrived(known ? &m->get_mutable_as<messages::actor_state>(0) : nullptr);
        },
        impl_->next_token());
  arrived(nullptr);
  return [sum] { sum->end(std::unique_lock{sum->mutex}); };
}

void hierarchy::state(policy::path_id id,
                      std::function<void(std::optional<messages::actor_state>)> then) {
  impl_->request(
      impl_->where->find(id), messages::get_state{id},
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
    caf::anon_send(to, messages::report_health{actor, member, healthy});
}

void hierarchy::expire(policy::time_point before) {
  impl_->expire(before);
}

void hierarchy::wake_all() {
  impl_->wake_all();
}

internals& hierarchy::inside() {
  return *impl_->inside;
}

admission_totals hierarchy::admissions() const {
  if (!impl_->leases) return {};
  const auto& x = impl_->leases->counts();
  return {x.own, x.leased, x.remote};
}

bool hierarchy::clustered() const {
  return impl_->clustered;
}

void hierarchy::apply(const policy::topology_ptr& topology) {
  impl_->apply(topology);
}

bool hierarchy::kill(policy::path_id id) {
  const auto x = impl_->where->find(id);
  if (!x) return false;
  caf::anon_send_exit(x, caf::exit_reason::kill);
  return true;
}

policy::path_id hierarchy::supervisor_id() {
  return policy::id_of("supervisor");
}

bool hierarchy::disturb(policy::path_id id, disturbance what, std::int64_t amount) {
  if (id == supervisor_id() && what == disturbance::kill) {
    impl_->post->kill();
    return true;
  }
  const auto x = impl_->where->local(id);
  if (!x) return false;
  auto& children = *impl_->children;
  switch (what) {
  case disturbance::kill: return kill(id);
  case disturbance::throw_before: return children.plant(id, planted_fault::where::before_decision);
  case disturbance::throw_after: return children.plant(id, planted_fault::where::after_decision);
  case disturbance::pause:
    if (!children.shut(id)) return false;
    impl_->post->open_after(id, std::clamp<std::int64_t>(amount, 0, 60'000));
    return true;
  case disturbance::drop: return children.lose(id, std::clamp<std::int64_t>(amount, 0, 1'000'000));
  case disturbance::fill:
    for (std::int64_t i = 0; i < std::min<std::int64_t>(amount, 1'000'000); ++i)
      caf::anon_send(x, messages::get_state{id});
    return true;
  }
  return false;
}

void hierarchy::set_restart_limits(const policy::restart_terms& each,
                                   const policy::restart_terms& all) {
  impl_->children->set_restart_limits(each, all);
}

void hierarchy::on_failure(std::function<void()> then) {
  impl_->children->set_failed(std::move(then));
}

supervision_totals hierarchy::supervision() const {
  return impl_->children->totals();
}

policy::hold_id hierarchy::new_hold() {
  return ++impl_->last_hold;
}

} // namespace echelon::actors
