#include "policy/limiter.hpp"

#include <algorithm>

namespace echelon::policy {
namespace {

// One token in credit: micro-tokens per second times nanoseconds give 1e-15 tokens.
constexpr std::uint64_t credit_per_token = 1'000'000'000'000'000;

template <class... Fs>
struct overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
overloaded(Fs...) -> overloaded<Fs...>;

} // namespace

token_bucket::token_bucket(token_bucket_settings settings, time_point now)
    : settings_(settings), credit_(full()), updated_(now) {}

token_bucket::credit token_bucket::full() const {
  return static_cast<credit>(std::max<std::int64_t>(0, settings_.bucket_size - lent_))
         * credit_per_token;
}

token_bucket::credit token_bucket::credit_at(time_point now) const {
  if (now <= updated_) return credit_;
  const auto elapsed = static_cast<std::uint64_t>((now - updated_).count());
  const credit gained =
      static_cast<credit>(elapsed) * static_cast<std::uint64_t>(settings_.refill_micro_per_second);
  return std::min(full(), credit_ + gained);
}

duration token_bucket::try_take(time_point now) {
  credit_ = credit_at(now);
  updated_ = std::max(updated_, now);
  if (credit_ >= credit_per_token) {
    credit_ -= credit_per_token;
    return duration::zero();
  }
  const auto rate = static_cast<std::uint64_t>(settings_.refill_micro_per_second);
  const credit missing = credit_per_token - credit_;
  return duration{static_cast<std::int64_t>((missing + rate - 1) / rate)};
}

void token_bucket::refund() {
  credit_ = std::min(full(), credit_ + credit_per_token);
}

void token_bucket::apply(token_bucket_settings settings, time_point now) {
  credit_ = credit_at(now);
  updated_ = std::max(updated_, now);
  settings_ = settings;
  credit_ = std::min(credit_, full());
}

std::int64_t token_bucket::available(time_point now) const {
  return static_cast<std::int64_t>(credit_at(now) / credit_per_token);
}

void sliding_window::expire(time_point now) {
  while (!entries_.empty() && now - entries_.front().at > settings_.window) {
    used_ -= entries_.front().units;
    entries_.pop_front();
  }
}

duration sliding_window::try_take(hold_id id, std::int64_t units, time_point now) {
  expire(now);
  // More than the window allows at all has it for itself.
  if ((used_ + lent_ == 0 && settings_.max_units > 0)
      || used_ + lent_ + units <= settings_.max_units) {
    entries_.push_back({now, id, units});
    used_ += units;
    return duration::zero();
  }
  // The first moment at which enough of the oldest entries have left.
  const auto target = std::max<std::int64_t>(settings_.max_units - units, 0);
  auto left = used_ + lent_;
  for (const auto& x : entries_) {
    left -= x.units;
    if (left <= target) return x.at + settings_.window + duration{1} - now;
  }
  return settings_.window;
}

void sliding_window::refund(hold_id id) {
  for (auto i = entries_.rbegin(); i != entries_.rend(); ++i) {
    if (i->id == id) {
      used_ -= i->units;
      entries_.erase(std::next(i).base());
      return;
    }
  }
}

void sliding_window::settle(hold_id id, std::int64_t units) {
  for (auto i = entries_.rbegin(); i != entries_.rend(); ++i) {
    if (i->id == id) {
      used_ += units - i->units;
      i->units = units;
      return;
    }
  }
}

std::int64_t sliding_window::used(time_point now) const {
  auto result = used_ + lent_;
  for (const auto& x : entries_) {
    if (now - x.at <= settings_.window) break;
    result -= x.units;
  }
  return result;
}

void sliding_window::spend_lent(std::int64_t units, std::int64_t used, time_point at) {
  lent_ -= units;
  if (used == 0) return;
  used_ += used;
  const auto place =
      std::find_if(entries_.rbegin(), entries_.rend(), [&](const auto& x) { return x.at <= at; });
  entries_.insert(place.base(), {at, 0, used});
}

void token_bucket::lend(std::int64_t tokens, time_point now) {
  credit_ = credit_at(now) - static_cast<credit>(tokens) * credit_per_token;
  updated_ = std::max(updated_, now);
  lent_ += tokens;
}

void token_bucket::take_back(std::int64_t tokens, time_point now) {
  credit_ = credit_at(now);
  updated_ = std::max(updated_, now);
  lent_ -= tokens;
  credit_ = std::min(full(), credit_ + static_cast<credit>(tokens) * credit_per_token);
}

void token_bucket::spend_lent(std::int64_t tokens, time_point now) {
  credit_ = credit_at(now);
  updated_ = std::max(updated_, now);
  lent_ -= tokens;
}

void token_bucket::set_lent(std::int64_t tokens, time_point now) {
  credit_ = credit_at(now);
  updated_ = std::max(updated_, now);
  lent_ = tokens;
  credit_ = std::min(full(), credit_);
}

rate_limiter::rate_limiter(const rate_settings& settings, time_point now)
    : impl_(std::visit(
        overloaded{[&](const token_bucket_settings& x) {
                     return std::variant<token_bucket, sliding_window>{token_bucket{x, now}};
                   },
                   [](const sliding_window_settings& x) {
                     return std::variant<token_bucket, sliding_window>{sliding_window{x}};
                   }},
        settings)) {}

duration rate_limiter::try_take(hold_id id, time_point now) {
  return std::visit(overloaded{[&](token_bucket& x) { return x.try_take(now); },
                               [&](sliding_window& x) { return x.try_take(id, 1, now); }},
                    impl_);
}

void rate_limiter::refund(hold_id id) {
  std::visit(
      overloaded{[](token_bucket& x) { x.refund(); }, [&](sliding_window& x) { x.refund(id); }},
      impl_);
}

void rate_limiter::lend(std::int64_t units, time_point now) {
  std::visit(overloaded{[&](token_bucket& x) { x.lend(units, now); },
                        [&](sliding_window& x) { x.lend(units); }},
             impl_);
}

void rate_limiter::take_back(std::int64_t units, time_point now) {
  std::visit(overloaded{[&](token_bucket& x) { x.take_back(units, now); },
                        [&](sliding_window& x) { x.take_back(units); }},
             impl_);
}

void rate_limiter::spend_lent(std::int64_t units, time_point at, time_point now) {
  std::visit(overloaded{[&](token_bucket& x) { x.spend_lent(units, now); },
                        [&](sliding_window& x) { x.spend_lent(units, units, at); }},
             impl_);
}

void rate_limiter::set_lent(std::int64_t units, time_point now) {
  std::visit(overloaded{[&](token_bucket& x) { x.set_lent(units, now); },
                        [&](sliding_window& x) { x.set_lent(units); }},
             impl_);
}

void rate_limiter::apply(const rate_settings& settings, time_point now) {
  const auto* bucket = std::get_if<token_bucket_settings>(&settings);
  const auto* window = std::get_if<sliding_window_settings>(&settings);
  if (auto* x = std::get_if<token_bucket>(&impl_); x && bucket) {
    x->apply(*bucket, now);
  } else if (auto* y = std::get_if<sliding_window>(&impl_); y && window) {
    y->apply(*window);
  } else if (bucket) {
    token_bucket fresh{{1, bucket->refill_micro_per_second}, now};
    static_cast<void>(fresh.try_take(now));
    fresh.apply(*bucket, now);
    impl_ = fresh;
  } else {
    impl_ = sliding_window{*window};
  }
}

std::int64_t rate_limiter::available(time_point now) const {
  return std::visit(overloaded{[&](const token_bucket& x) { return x.available(now); },
                               [&](const sliding_window& x) {
                                 return std::max<std::int64_t>(0, x.limit() - x.used(now));
                               }},
                    impl_);
}

std::int64_t rate_limiter::limit() const {
  return std::visit([](const auto& x) { return x.limit(); }, impl_);
}

std::int64_t token_bucket::save(time_point now) const {
  constexpr credit per_nano = credit_per_token / 1'000'000'000;
  return static_cast<std::int64_t>(credit_at(now) / per_nano);
}

void token_bucket::load(std::int64_t nano, time_point now) {
  constexpr credit per_nano = credit_per_token / 1'000'000'000;
  credit_ = std::min(full(), static_cast<credit>(std::max<std::int64_t>(0, nano)) * per_nano);
  updated_ = now;
}

std::vector<spent_memory> sliding_window::save(time_point now) const {
  std::vector<spent_memory> found;
  for (const auto& x : entries_)
    if (now - x.at <= settings_.window) found.push_back({x.id, x.units, (now - x.at).count()});
  return found;
}

void sliding_window::load(const std::vector<spent_memory>& x, time_point now) {
  entries_.clear();
  used_ = 0;
  for (const auto& e : x) {
    entries_.push_back({now - duration{e.age_ns}, e.id, e.units});
    used_ += e.units;
  }
}

void sliding_window::spend(std::vector<spent_memory> known, time_point now) {
  std::erase_if(known, [&](const auto& e) { return duration{e.age_ns} > settings_.window; });
  std::sort(known.begin(), known.end(),
            [](const auto& a, const auto& b) { return a.age_ns > b.age_ns; });
  load(known, now);
  const auto unknown = settings_.max_units - used_ - lent_;
  if (unknown <= 0) return;
  entries_.push_back({now, 0, unknown});
  used_ += unknown;
}

void rate_limiter::save(gate_memory& to, time_point now) const {
  std::visit(overloaded{[&](const token_bucket& x) { to.bucket_nano = x.save(now); },
                        [&](const sliding_window& x) { to.rate = x.save(now); }},
             impl_);
}

void rate_limiter::load(const gate_memory& x, time_point now) {
  std::visit(overloaded{[&](token_bucket& own) { own.load(x.bucket_nano, now); },
                        [&](sliding_window& own) { own.load(x.rate, now); }},
             impl_);
}

void rate_limiter::spend(const std::vector<spent_memory>& known, time_point now) {
  std::visit(overloaded{[&](token_bucket& x) { x.load(0, now); },
                        [&](sliding_window& x) {
                          auto units = known;
                          for (auto& e : units)
                            e.units = 1;
                          x.spend(std::move(units), now);
                        }},
             impl_);
}

} // namespace echelon::policy
