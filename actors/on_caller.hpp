/// Runs levels on the thread that asks them. CAF-facing.
#pragma once

#include <caf/execution_unit.hpp>

#include <vector>

namespace caf {
class actor_system;
}

namespace echelon::actors {

/// An execution unit without a thread of its own: what is sent by it to an idle level is handled
/// before run() returns, and so is what that level passes on; nobody is woken. A level that another
/// thread runs gets its message in its mailbox, and others than levels are left to the scheduler.
/// Thread-safe; must outlive the actors that it has run.
class on_caller final : public caf::execution_unit {
public:
  explicit on_caller(caf::actor_system& of);

  /// `send(unit)` enqueues by `unit`. May be called while it runs.
  template <class F>
  void run(F send) {
    job_list mine;
    auto* const outer = begin(mine);
    send(this);
    work(mine);
    end(outer);
  }

  void exec_later(caf::resumable* x) override;

private:
  using job_list = std::vector<caf::resumable*>;

  static job_list* begin(job_list& mine);
  static void end(job_list* outer);
  void work(job_list& mine);
};

} // namespace echelon::actors
