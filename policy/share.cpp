#include "policy/share.hpp"

#include <algorithm>

namespace echelon::policy {
namespace {

template <class Number>
Number part_of(Number x, share part) {
  const auto members = static_cast<std::int64_t>(part.members);
  const auto of = static_cast<std::int64_t>(part.of);
  const auto whole = static_cast<std::int64_t>(x);
  // The same as whole * members / of, but cannot overflow.
  return static_cast<Number>(whole / of * members + whole % of * members / of);
}

struct scaler {
  share part;
  void operator()(sliding_window_settings& x) const { x.max_units = part_of(x.max_units, part); }
  void operator()(token_bucket_settings& x) const {
    x.bucket_size = part_of(x.bucket_size, part);
    // Nothing flows into a bucket of no size.
    x.refill_micro_per_second = part_of(x.refill_micro_per_second, part);
    if (x.refill_micro_per_second > 0) return;
    x.refill_micro_per_second = 1;
    x.bucket_size = 0;
  }
};

} // namespace

topology_ptr scaled(const topology_ptr& x, share part) {
  if (part.whole()) return x;
  auto result = std::make_shared<topology>(*x);
  const scaler scale{part};
  for (auto& [id, spec] : result->actors) {
    auto& gate = spec.gate;
    if (gate.concurrency) {
      gate.concurrency->limit = part_of(gate.concurrency->limit, part);
      if (gate.concurrency->limit == 0) gate.concurrency->queue_size = 0;
    }
    if (gate.rate) std::visit(scale, *gate.rate);
    if (gate.tokens) scale(*gate.tokens);
    if (gate.money) {
      // A budget of 0 would be none.
      for (auto* limit : {&gate.money->per_day, &gate.money->per_month})
        if (*limit > 0) *limit = std::max<std::int64_t>(1, part_of(*limit, part));
    }
  }
  return result;
}

} // namespace echelon::policy
