/// Where the messages of an actor come in. It outlives the actor: what a dead one has not read is
/// read by its successor, in order, and handles of dead ones lead to the living. CAF-facing.
#pragma once

#include <caf/mailbox_element.hpp>
#include <caf/scheduled_actor.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>

namespace echelon::actors {

/// Thread-safe. One for each actor of the hierarchy.
class doorway {
public:
  using element = caf::mailbox_element_ptr;

  /// Who may be behind the door. Called with the door locked; must not come back to it.
  class tenant {
  public:
    virtual ~tenant() = default;
    /// Puts it into the mailbox itself.
    virtual void read(element x, caf::execution_unit* where) = 0;
    /// Everything in the mailbox, in order; nothing can be put there any more.
    virtual std::deque<element> leave_behind() = 0;
  };

  /// A message for `handle`, which may be dead. @returns What `handle` must treat by itself.
  [[nodiscard]] element come(element x, tenant& handle, caf::execution_unit* where);
  /// `who` reads from now on, first what was kept.
  void move_in(tenant& who);
  /// `who` ends; if it `died`, what it did not read is kept for the next.
  void move_out(tenant& who, bool died);
  /// The message that was in hand when the actor died: the next reads it first.
  void put_first(element x);
  /// Nobody follows: whoever asked and waits is told so.
  void close();
  /// Messages are kept until it is opened again; the actor lives.
  void shut();
  void open();
  [[nodiscard]] std::size_t kept() const;
  /// `who` is behind it, and whoever comes goes straight in.
  [[nodiscard]] bool is_open_to(const tenant& who) const { return passable_ == &who; }

private:
  void hand_in(tenant& who);
  /// After each change, with the door locked.
  void note() { passable_ = shut_ || over_ || !kept_.empty() ? nullptr : inside_; }

  mutable std::mutex mutex_;
  std::deque<element> kept_;
  tenant* inside_ = nullptr;
  bool over_ = false, shut_ = false;
  std::atomic<const tenant*> passable_{nullptr};
  bool first_ = false; // The first of `kept_` was in hand when the actor died.
};

/// A fault that is planted from outside: the next message makes its handler throw.
class planted_fault {
public:
  enum class where : std::uint8_t { nowhere, before_decision, after_decision };
  void plant(where x) { at_ = x; }
  /// Throws std::runtime_error once if a fault was planted here.
  void pass(where here);
  [[nodiscard]] bool planted() const { return at_ != where::nowhere; }

private:
  std::atomic<where> at_{where::nowhere};
};

} // namespace echelon::actors
