#include "policy/breaker.hpp"

#include <algorithm>
#include <tuple>

namespace echelon::policy {

std::string_view to_string(breaker_state x) {
  switch (x) {
  case breaker_state::closed: return "closed";
  case breaker_state::open: return "open";
  case breaker_state::half_open: return "half_open";
  }
  return "unknown";
}

breaker_state breaker::state(time_point now) const {
  return state_ == breaker_state::open && now >= open_until_ ? breaker_state::half_open : state_;
}

duration breaker::wait(time_point now) const {
  if (benched(now)) return benched_until_ - now;
  switch (state_) {
  case breaker_state::closed: return duration::zero();
  case breaker_state::open: return std::max(duration::zero(), duration{open_until_ - now});
  case breaker_state::half_open: break;
  }
  return probes_ + successes_ < settings_.half_open_requests ? duration::zero()
                                                             : duration{std::chrono::seconds{1}};
}

void breaker::enter_half_open(time_point now) {
  if (state_ == breaker_state::open && now >= open_until_) {
    state_ = breaker_state::half_open;
    ++epoch_;
    probes_ = 0;
    successes_ = 0;
  }
}

breaker_pass breaker::pass(time_point now) {
  enter_half_open(now);
  const bool probe = state_ == breaker_state::half_open;
  if (probe) ++probes_;
  return {epoch_, probe};
}

void breaker::open(time_point now) {
  state_ = breaker_state::open;
  ++epoch_;
  probes_ = 0;
  successes_ = 0;
  open_until_ = now + settings_.recovery_time;
}

void breaker::report(breaker_pass pass, outcome result, time_point now) {
  if (pass.epoch != epoch_) return;
  if (state_ == breaker_state::closed) {
    if (result == outcome::success) failures_ = 0;
    if (result == outcome::failure && ++failures_ >= settings_.failure_threshold) open(now);
  } else if (state_ == breaker_state::half_open && pass.probe) {
    --probes_;
    if (result == outcome::failure) {
      open(now);
    } else if (result == outcome::success && ++successes_ >= settings_.half_open_requests) {
      state_ = breaker_state::closed;
      ++epoch_;
      failures_ = 0;
    }
  }
}

void breaker::report_late_failure(time_point now) {
  enter_half_open(now);
  if (state_ == breaker_state::half_open) {
    open(now);
  } else if (state_ == breaker_state::closed && ++failures_ >= settings_.failure_threshold) {
    open(now);
  }
}

void breaker::close() {
  if (state_ == breaker_state::closed) return;
  state_ = breaker_state::closed;
  ++epoch_;
  failures_ = probes_ = successes_ = 0;
}

void breaker::let_probe(time_point now) {
  if (state_ == breaker_state::open) open_until_ = std::min(open_until_, now);
}

void breaker::stay_open(time_point now) {
  if (state_ == breaker_state::open) open_until_ = now + settings_.recovery_time;
}

breaker_memory breaker::save(time_point now) const {
  const auto left = [&](time_point until) {
    return std::max<std::int64_t>(0, duration{until - now}.count());
  };
  return {static_cast<std::uint8_t>(state_),
          epoch_,
          failures_,
          probes_,
          successes_,
          state_ == breaker_state::open ? left(open_until_) : 0,
          benched(now) ? left(benched_until_) : 0};
}

void breaker::load(const breaker_memory& x, time_point now) {
  state_ = static_cast<breaker_state>(std::min<std::uint8_t>(x.state, 2));
  epoch_ = x.epoch;
  failures_ = x.failures;
  probes_ = x.probes;
  successes_ = x.successes;
  open_until_ = now + duration{x.open_for_ns};
  benched_until_ = now + duration{x.benched_for_ns};
}

void breaker::tighten(const breaker_memory& x, time_point now) {
  const auto strict = [](const breaker_memory& m) {
    const auto state = static_cast<breaker_state>(std::min<std::uint8_t>(m.state, 2));
    const int rank = state == breaker_state::open ? 2 : state == breaker_state::half_open ? 1 : 0;
    return std::tuple{rank, m.open_for_ns, m.failures};
  };
  const auto own = save(now);
  const auto benched = std::max(own.benched_for_ns, x.benched_for_ns);
  // Whoever probed on the other side tells nobody here.
  auto next = strict(own) < strict(x) ? x : own;
  next.probes = 0;
  next.successes = 0;
  next.benched_for_ns = benched;
  load(next, now);
}

void breaker::bench(time_point until) {
  benched_until_ = std::max(benched_until_, until);
}

} // namespace echelon::policy
