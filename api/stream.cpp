// A stream that its caller reads at his own pace.
#include "api/client_inside.hpp"

#include "api/answers.hpp"

#include <condition_variable>
#include <deque>
#include <exception>

namespace echelon {

namespace {

/// Chunks that wait for a reader; more hold the upstream.
constexpr std::size_t most_waiting = 64;

} // namespace

/// Between the reactor that fills it and the thread that reads it.
struct CompletionStream::impl final : api::listener {
  std::mutex mutex;
  std::condition_variable arrived;
  std::deque<Chunk> waiting;
  std::optional<Completion> whole;
  std::exception_ptr failure;
  std::function<void()> resume, ready;
  CallHandle handle;
  bool dropped = false; // Nobody reads any more.

  [[nodiscard]] bool over() const { return whole || failure; }

  void wake(std::unique_lock<std::mutex>& guard) {
    const auto tell = std::exchange(ready, nullptr);
    guard.unlock();
    arrived.notify_all();
    if (tell) tell();
  }
  void chunk(Chunk x) override {
    std::unique_lock guard{mutex};
    if (dropped) return;
    waiting.push_back(std::move(x));
    wake(guard);
  }
  void done(Completion x) override {
    std::unique_lock guard{mutex};
    whole = std::move(x);
    wake(guard);
  }
  void failed(LlmError x) override {
    std::unique_lock guard{mutex};
    failure = std::make_exception_ptr(std::move(x));
    wake(guard);
  }
  bool must_wait(std::function<void()> then) override {
    const std::lock_guard guard{mutex};
    if (dropped || waiting.size() < most_waiting) return false;
    resume = std::move(then);
    return true;
  }

  std::optional<Chunk> next() {
    std::unique_lock guard{mutex};
    arrived.wait(guard, [this] { return !waiting.empty() || over(); });
    if (!waiting.empty()) {
      std::optional<Chunk> x{std::move(waiting.front())};
      waiting.pop_front();
      std::function<void()> tell;
      if (waiting.size() < most_waiting / 2) tell = std::exchange(resume, nullptr);
      guard.unlock();
      if (tell) tell();
      return x;
    }
    if (failure) std::rethrow_exception(failure);
    return std::nullopt;
  }
};

CompletionStream::CompletionStream(std::shared_ptr<impl> x) : impl_(std::move(x)) {}
CompletionStream::CompletionStream(CompletionStream&&) noexcept = default;

CompletionStream& CompletionStream::operator=(CompletionStream&& other) noexcept {
  if (this != &other) {
    if (impl_) cancel();
    impl_ = std::move(other.impl_);
  }
  return *this;
}

CompletionStream::~CompletionStream() {
  if (impl_) cancel();
}

std::optional<Chunk> CompletionStream::next() {
  return impl_->next();
}

void CompletionStream::when_ready(std::function<void()> ready) {
  {
    const std::lock_guard guard{impl_->mutex};
    if (impl_->waiting.empty() && !impl_->over()) {
      impl_->ready = std::move(ready);
      return;
    }
  }
  ready();
}

Completion CompletionStream::completion() {
  while (impl_->next()) {
  }
  const std::lock_guard guard{impl_->mutex};
  return *impl_->whole;
}

void CompletionStream::cancel() {
  std::function<void()> tell;
  {
    const std::lock_guard guard{impl_->mutex};
    if (impl_->over() && impl_->waiting.empty()) return;
    tell = std::exchange(impl_->resume, nullptr);
  }
  impl_->handle.cancel();
  if (tell) tell();
}

CompletionStream api::open_call(const LlmClient::impl& of, std::vector<std::string> targets,
                                const Prompt& prompt, const CallOptions& options) {
  const auto x = std::make_shared<CompletionStream::impl>();
  x->handle = start_call(of, std::move(targets), prompt, options, true, x);
  return CompletionStream{x};
}

} // namespace echelon
