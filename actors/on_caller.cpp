#include "actors/on_caller.hpp"

#include "actors/level.hpp"

#include <caf/actor_system.hpp>
#include <caf/resumable.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>

#include <utility>

namespace echelon::actors {

namespace {

// Messages that one level handles before others have their turn.
constexpr std::size_t most_at_once = 64;

} // namespace

// Of the innermost run() of this thread.
static thread_local std::vector<caf::resumable*>* current_jobs = nullptr;

on_caller::on_caller(caf::actor_system& of) : caf::execution_unit(&of) {}

void on_caller::exec_later(caf::resumable* x) {
  // The supervisor may spawn, which would leave the system's logger in the caller's thread.
  if (current_jobs != nullptr && dynamic_cast<level_host*>(x) != nullptr)
    current_jobs->push_back(x);
  else
    system().scheduler().enqueue(x);
}

on_caller::job_list* on_caller::begin(job_list& mine) {
  return std::exchange(current_jobs, &mine);
}

void on_caller::end(job_list* outer) {
  current_jobs = outer;
}

void on_caller::work(job_list& mine) {
  for (std::size_t i = 0; i < mine.size(); ++i) { // Grows meanwhile.
    auto* const job = mine[i];
    switch (job->resume(this, most_at_once)) {
    case caf::resumable::resume_later:
      system().scheduler().enqueue(job); // Others keep it busy: that takes a thread of its own.
      break;
    case caf::resumable::done:
    case caf::resumable::awaiting_message:
    case caf::resumable::shutdown_execution_unit: caf::intrusive_ptr_release(job); break;
    }
  }
}

} // namespace echelon::actors
