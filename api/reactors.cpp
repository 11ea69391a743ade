#include "api/reactors.hpp"

#include "providers/simulator/transport.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include <unistd.h>

namespace echelon::api {

namespace asio = boost::asio;

namespace {

struct reactor {
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_guard{io.get_executor()};
  std::unique_ptr<providers::transport> upstreams;
  std::set<std::shared_ptr<running_call>> calls; // On its thread.
  std::shared_ptr<door> way = std::make_shared<door>(io);
  std::thread thread;
  std::thread::id id;
};

std::string text_of(const std::exception_ptr& x) {
  if (!x) return "it ended without an answer";
  try {
    std::rethrow_exception(x);
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "unknown";
  }
}

} // namespace

struct reactors::impl : std::enable_shared_from_this<reactors::impl> {
  std::vector<std::unique_ptr<reactor>> all;
  std::mutex mutex;
  std::condition_variable idle;
  std::size_t next = 0, running = 0;
  bool stopping = false, joined = false;
  const pid_t process = getpid();

  void ended() {
    const std::lock_guard guard{mutex};
    if (--running == 0) idle.notify_all();
  }

  void begin(reactor& home, const std::shared_ptr<running_call>& call, work what) {
    home.calls.insert(call);
    // The closure makes the coroutine: it lives until that has ended.
    const auto held = std::make_shared<work>(std::move(what));
    asio::co_spawn(
        home.io, (*held)(call, *home.upstreams),
        [self = shared_from_this(), &home, call, held](const std::exception_ptr& broken) {
          home.calls.erase(call);
          if (!call->ended() && call->cancelled())
            call->failed(cancelled_error(*call->cancelled(), call->request_id()));
          else if (!call->ended())
            call->failed(plain_error(ErrorKind::upstream,
                                     "The call failed unexpectedly: " + text_of(broken), 500,
                                     call->request_id()));
          self->ended();
        });
  }
};

reactors::reactors(unsigned threads, std::shared_ptr<providers::simulator_engine> simulator)
    : impl_(std::make_shared<impl>()) {
  const auto cores = std::max(1U, std::thread::hardware_concurrency());
  for (unsigned i = 0; i < (threads > 0 ? threads : cores); ++i) {
    impl_->all.push_back(std::make_unique<reactor>());
    auto& x = *impl_->all.back();
    x.upstreams = providers::make_transport(x.io.get_executor(), simulator);
    x.thread = std::thread{[&x] { x.io.run(); }};
    x.id = x.thread.get_id();
  }
}

reactors::~reactors() {
  finish_calls({});
  join();
}

CallHandle reactors::run(std::string request_id, std::shared_ptr<listener> to, work what) {
  auto& x = *impl_;
  std::unique_lock guard{x.mutex};
  if (x.stopping) {
    guard.unlock();
    to->failed(cancelled_error(ErrorKind::shut_down, request_id));
    return {};
  }
  auto& home = *x.all[x.next++ % x.all.size()];
  const auto call = std::make_shared<running_call>(home.io.get_executor(), home.way,
                                                   std::move(request_id), std::move(to));
  ++x.running;
  asio::post(home.io, [self = impl_, &home, call, what = std::move(what)]() mutable {
    self->begin(home, call, std::move(what));
  });
  guard.unlock();
  auto handle = std::make_shared<CallHandle::impl>();
  // Does not keep the call: its caller hears of the end when it is over.
  handle->cancel = [weak = std::weak_ptr{call}, way = home.way] {
    way->post([weak] {
      if (const auto found = weak.lock()) found->cancel(ErrorKind::cancelled);
    });
  };
  return CallHandle{std::move(handle)};
}

asio::io_context& reactors::first() {
  return impl_->all.front()->io;
}

providers::transport& reactors::first_transport() {
  return *impl_->all.front()->upstreams;
}

void reactors::finish_calls(std::chrono::milliseconds grace) {
  auto& x = *impl_;
  std::unique_lock guard{x.mutex};
  x.stopping = true;
  x.idle.wait_for(guard, grace, [&] { return x.running == 0; });
  if (x.running == 0) return;
  for (auto& home : x.all)
    asio::post(home->io, [&of = *home] {
      const auto open = of.calls; // Ending one may take it out.
      for (const auto& call : open)
        call->cancel(ErrorKind::shut_down);
    });
  // A call that was cancelled ends as soon as its upstream's connection is closed.
  x.idle.wait_for(guard, std::chrono::seconds{5}, [&] { return x.running == 0; });
}

void reactors::join() {
  auto& x = *impl_;
  {
    const std::lock_guard guard{x.mutex};
    if (std::exchange(x.joined, true)) return;
  }
  for (auto& home : x.all) {
    home->way->shut();
    asio::post(home->io, [&of = *home] {
      of.upstreams.reset(); // Its idle connections are closed here.
      of.io.stop();
    });
  }
  for (auto& home : x.all)
    home->thread.join();
}

std::vector<std::thread::id> reactors::threads() const {
  std::vector<std::thread::id> found;
  for (const auto& x : impl_->all)
    found.push_back(x->id);
  return found;
}

bool reactors::elsewhere() const {
  return impl_->process != getpid();
}

bool reactors::stopping() const {
  const std::lock_guard guard{impl_->mutex};
  return impl_->stopping;
}

} // namespace echelon::api
