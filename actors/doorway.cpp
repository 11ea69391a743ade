#include "actors/doorway.hpp"

#include <caf/detail/sync_request_bouncer.hpp>
#include <caf/system_messages.hpp>

#include <iterator>
#include <stdexcept>
#include <utility>

namespace echelon::actors {
namespace {

/// Not what is about one life of the actor: its end, and answers to what it asked.
bool is_for_successor(const caf::mailbox_element& x) {
  const auto& content = x.content();
  return !x.mid.is_response() && !content.match_elements<caf::exit_msg>()
         && !content.match_elements<caf::down_msg>();
}

} // namespace

doorway::element doorway::come(element x, tenant& handle, caf::execution_unit* where) {
  const std::lock_guard guard{mutex_};
  if (over_) return x;
  const bool lasting = is_for_successor(*x);
  if (inside_ != nullptr && (!shut_ || !lasting)) {
    // What is about the end or the questions of a dead one is no business of the living.
    if (lasting || inside_ == &handle) inside_->read(std::move(x), where);
  } else if (lasting) {
    kept_.push_back(std::move(x));
    note();
  }
  return {};
}

void doorway::hand_in(tenant& who) {
  for (auto& x : std::exchange(kept_, {}))
    who.read(std::move(x), nullptr);
}

void doorway::move_in(tenant& who) {
  const std::lock_guard guard{mutex_};
  over_ = false;
  inside_ = &who;
  if (!shut_) hand_in(who);
  note();
}

void doorway::move_out(tenant& who, bool died) {
  const std::lock_guard guard{mutex_};
  if (inside_ != &who) return;
  inside_ = nullptr;
  if (!died) over_ = true;
  note();
  if (over_) return;
  auto rest = who.leave_behind();
  std::erase_if(rest, [](const auto& x) { return !is_for_successor(*x); });
  // Behind what was in hand, before what came while the door was shut.
  const auto at = std::next(kept_.begin(), first_ ? 1 : 0);
  kept_.insert(at, std::make_move_iterator(rest.begin()), std::make_move_iterator(rest.end()));
  first_ = false;
  note();
}

void doorway::put_first(element x) {
  const std::lock_guard guard{mutex_};
  kept_.push_front(std::move(x));
  first_ = true;
  note();
}

void doorway::close() {
  std::deque<element> rest;
  {
    const std::lock_guard guard{mutex_};
    over_ = true;
    rest.swap(kept_);
    note();
  }
  const caf::detail::sync_request_bouncer bounce{caf::sec::request_receiver_down};
  for (const auto& x : rest)
    bounce(*x);
}

void doorway::shut() {
  const std::lock_guard guard{mutex_};
  shut_ = true;
  note();
}

void doorway::open() {
  const std::lock_guard guard{mutex_};
  shut_ = false;
  // One that is about to die reads no more: its successor does.
  if (inside_ != nullptr && !first_) hand_in(*inside_);
  note();
}

std::size_t doorway::kept() const {
  const std::lock_guard guard{mutex_};
  return kept_.size();
}

void planted_fault::pass(where here) {
  auto planted = here;
  if (at_.load(std::memory_order_relaxed) == here
      && at_.compare_exchange_strong(planted, where::nowhere))
    throw std::runtime_error{"a planted fault"};
}

} // namespace echelon::actors
