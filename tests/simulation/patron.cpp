#include "patron.hpp"

namespace echelon::simulation {

using namespace policy;
using namespace std::chrono_literals;

patron::patron(scene& of, host& at, std::shared_ptr<const plan> plan, duration timeout,
               std::uint8_t priority)
    : of_(of), node_(at.name()), incarnation_(at.incarnation()), host_(&at), plan_(std::move(plan)),
      deadline_(of.time.now() + timeout), slept_(at.slept()),
      core_(plan_, of.topology,
            request_terms{deadline_, priority, 10, nullptr, [&at] { return at.tree().new_hold(); }},
            at.tree().new_hold(), static_cast<std::uint64_t>(of.time.draw(1, 1 << 30))) {}

void patron::begin() {
  host_->run([self = shared_from_this()] { self->step(self->core_.begin(self->of_.time.now())); });
}

bool patron::alive() const {
  const auto* x = of_.net.find(node_);
  return x != nullptr && x->incarnation() == incarnation_;
}

std::string patron::describe() const {
  auto text = plan_->target + " at " + node_ + ", " + doing_;
  const auto& all = core_.steps();
  for (auto i = all.size() < 12 ? 0 : all.size() - 12; i < all.size(); ++i)
    text += "\n      " + all[i].what + ' ' + all[i].actor + ' ' + all[i].reason;
  return text;
}

void patron::after(duration d, std::function<void()> what) {
  of_.time.after(d, [self = shared_from_this(), what = std::move(what)] {
    if (self->over_ || !self->alive()) return;
    self->host_->run([self, what] {
      if (!self->over_) what();
    });
  });
}

void patron::flush() {
  for (const auto& x : core_.take_releases()) {
    of_.time.note(node_ + " releases " + std::string{of_.topology->path(x.actor)} + " of "
                  + std::to_string(x.release.id));
    host_->tree().tell(x);
  }
}

void patron::step(action next) {
  flush();
  if (++steps_ > 1000) {
    over_ = true;
    of_.time.violation(describe() + " goes round in circles");
    return;
  }
  if (auto* q = std::get_if<ask_admission>(&next)) {
    doing_ = "asks " + std::string{of_.topology->path(q->route.front())};
    ask(std::move(*q), std::min(deadline_, of_.time.now() + 8s), 20ms);
  } else if (const auto* w = std::get_if<wait_turn>(&next)) {
    doing_ = "waits for " + std::string{of_.topology->path(w->actor)};
    wait(*w);
  } else if (const auto* s = std::get_if<sleep_until>(&next)) {
    doing_ = "sleeps";
    after(s->when - of_.time.now(), [this] { step(core_.on_slept(of_.time.now())); });
  } else if (const auto* a = std::get_if<start_attempt>(&next)) {
    doing_ = "attempts " + a->model;
    attempt_begins(*a);
  } else {
    over_ = true;
    answered_ = std::holds_alternative<done>(next);
    ended_ = of_.time.now();
    slept_ = host_->slept() - slept_;
    doing_ = "is over";
  }
}

/// See engine/call: an actor that is on its way to another node is asked again for a while, and who
/// asks leaves at its deadline.
void patron::ask(ask_admission x, time_point limit, duration pause) {
  // What is above the first one is held already.
  const auto* first = of_.topology->find(x.route.front());
  for (auto i = static_cast<std::size_t>(first->at); i < asked_.size(); ++i)
    asked_[i] = of_.time.now();
  of_.time.note(node_ + " asks " + first->path + " for " + std::to_string(x.hold));
  const auto number = at_deadline([this, first = x.route.front()] {
    admission_answer none;
    none.why = refusal::unavailable;
    none.by = first;
    step(core_.on_admission(none, of_.time.now()));
  });
  host_->tree().ask(
      x, [self = shared_from_this(), x, limit, pause, number](const admission_answer& got) {
        if (self->question_ != number) {
          self->of_.time.note(self->node_ + " hears too late for " + std::to_string(x.hold));
          return self->host_->tree().give_back(x, got);
        }
        ++self->question_;
        self->soon([self, x, limit, pause, got]() mutable {
          const auto now = self->of_.time.now();
          std::string trail;
          for (const auto id : got.trail)
            trail += ' ' + std::string{self->of_.topology->path(id)};
          self->of_.time.note(self->node_ + " hears for " + std::to_string(x.hold) + ": "
                              + std::string{to_string(got.why)} + trail);
          if (got.why != refusal::unavailable || now + pause >= limit)
            return self->step(self->core_.on_admission(got, now));
          self->host_->tree().give_back(x, got);
          const auto fresh = self->host_->tree().new_hold();
          self->core_.renew_hold(std::exchange(x.hold, fresh), fresh);
          self->flush();
          self->after(pause, [self, x, limit, pause] {
            self->ask(x, limit, std::min<duration>(pause * 2, 200ms));
          });
        });
      });
}

void patron::wait(const wait_turn& x) {
  const auto turn = ++turn_;
  const auto token = host_->tree().wait(x, [self = shared_from_this(), turn](refusal why) {
    self->soon([self, turn, why] {
      if (self->turn_ != turn) return;
      ++self->turn_;
      self->step(self->core_.on_turn(why, self->of_.time.now()));
    });
  });
  after(x.who.deadline - of_.time.now(), [this, turn, token] {
    if (turn_ != turn) return;
    ++turn_;
    host_->tree().forget(token);
    step(core_.on_turn(refusal::saturated, of_.time.now()));
  });
}

void patron::attempt_begins(const start_attempt& x) {
  const auto& stage = core_.current_stage();
  attempt a;
  a.number = ++of_.attempts;
  a.asked = asked_.back();
  a.model = id_of("model/" + x.model);
  for (const auto id :
       {plan_->router, plan_->node, plan_->pool, stage.group, stage.tier, a.model}) {
    const auto* spec = of_.topology->find(id);
    if (id == 0 || spec == nullptr) continue;
    a.levels.push_back(id);
    const bool by_request =
        spec->at == level::router || spec->at == level::node || spec->at == level::pool;
    if (spec->gate.rate && !(by_request && paid_))
      a.paid.emplace_back(id, asked_[static_cast<std::size_t>(spec->at)]);
  }
  paid_ = true;
  of_.time.note(node_ + " starts " + x.label + '/' + x.model + " by " + std::to_string(core_.hold())
                + ", asked at " + timeline::text(a.asked) + ", #" + std::to_string(a.number));
  of_.upstreams.begin(a);
  auto reply = of_.upstream(a.model);
  const auto limit = std::min(deadline_, of_.time.now() + x.timeout) - of_.time.now();
  if (reply.takes >= limit) reply = {failure_class::timeout, limit};
  // The upstream's own end does not wait for a frozen gateway.
  of_.time.after(reply.takes, [self = shared_from_this(), number = a.number] {
    self->of_.upstreams.end(number);
  });
  after(reply.takes, [this, number = a.number, reply] { attempt_ended(number, reply); });
}

void patron::attempt_ended(std::uint64_t number, const upstream_reply& reply) {
  of_.upstreams.end(number);
  if (reply.kind == failure_class::none) return step(core_.on_success(10, of_.time.now()));
  doing_ = "reports a failure";
  const auto known = [this, reply](duration closed_for) {
    attempt_result x{reply.kind, std::nullopt, false, -1, closed_for};
    step(core_.on_failure(x, of_.time.now()));
  };
  const auto question = at_deadline([known] { known(duration::zero()); });
  host_->tree().tell(core_.failure_release(reply.kind, std::nullopt, -1),
                     [self = shared_from_this(), question, known](duration closed_for) {
                       if (self->question_ != question) return;
                       ++self->question_;
                       self->soon([known, closed_for] { known(closed_for); });
                     });
}

/// Begins a question to an actor that ends by `over` at the deadline. @returns Its number.
std::uint64_t patron::at_deadline(std::function<void()> over) {
  const auto number = ++question_;
  const auto left = std::max(duration::zero(), duration{deadline_ - of_.time.now()});
  after(left, [this, number, over = std::move(over)] {
    if (question_ != number) return;
    ++question_;
    over();
  });
  return number;
}

} // namespace echelon::simulation
