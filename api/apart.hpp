/// Work that must not leave anything in the host's thread.
#pragma once

#include <future>
#include <thread>

namespace echelon::api {

/// Runs `f` on a thread of its own and waits for it; passes on what it returns or throws. A thread
/// that has made, used or ended actors keeps their system's logger (CAF 0.17.6), and that system
/// cannot end before all such threads have: the host's must not be among them.
template <class F>
auto apart(F f) {
  std::packaged_task<decltype(f())()> task{std::move(f)};
  auto result = task.get_future();
  std::thread{std::move(task)}.join();
  return result.get();
}

} // namespace echelon::api
