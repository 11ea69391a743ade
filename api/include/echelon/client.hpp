/// @file
/// Calls.
#pragma once

#include <echelon/error.hpp>
#include <echelon/types.hpp>

#include <functional>
#include <future>
#include <iterator>
#include <memory>
#include <string>

namespace echelon {

/// A call that is running. Cheap to copy. Dropping it does not end the call.
class ECHELON_API CallHandle {
public:
  /// @cond internal
  struct impl;
  explicit CallHandle(std::shared_ptr<impl> x);
  /// @endcond
  /// Of no call: cancel() does nothing.
  CallHandle();
  /// @cond special members
  CallHandle(const CallHandle&);
  CallHandle(CallHandle&&) noexcept;
  CallHandle& operator=(const CallHandle&);
  CallHandle& operator=(CallHandle&&) noexcept;
  ~CallHandle();
  /// @endcond
  /// Ends the call with ErrorKind::cancelled, the upstream's connection with it; permits come back
  /// within 100 ms. Nothing happens if it has ended. Thread-safe.
  void cancel() const;

private:
  std::shared_ptr<impl> impl_;
};

/// Who is told how a call goes. Called on one of the router's threads, one at a time: an observer
/// that blocks holds up other calls. What `on_chunk` throws ends the call as `upstream`; what the
/// others throw is logged. Exactly one of `on_done` and `on_error` is called, last.
struct CallObserver {
  std::function<void(Chunk)> on_chunk{};     ///< Set: the call is a stream.
  std::function<void(Completion)> on_done{}; ///< The whole answer, of a stream too.
  std::function<void(LlmError)> on_error{};  ///< The failure.
};

/// An answer to come.
struct PendingCompletion {
  std::future<Completion> future; ///< get() returns the answer or throws LlmError.
  CallHandle handle;              ///< To cancel.
  /// Waits for the answer; throws LlmError.
  Completion get() { return future.get(); }
};

/// A stream to read with a range-based for, in the thread that reads it. A reader that is slow
/// holds the upstream, not memory. Destroyed early, it cancels the call.
class ECHELON_API CompletionStream {
public:
  /// @cond internal
  struct impl;
  explicit CompletionStream(std::shared_ptr<impl> x);
  /// @endcond
  /// @cond special members
  CompletionStream(CompletionStream&&) noexcept;
  CompletionStream& operator=(CompletionStream&&) noexcept;
  ~CompletionStream();
  /// @endcond

  /// The next piece; nothing at the clean end. Throws LlmError if the stream fails or broke.
  std::optional<Chunk> next();
  /// Calls `ready` once, on any thread, when next() would not block; at once if it does not now.
  void when_ready(std::function<void()> ready);
  /// The whole answer; reads what is left of the stream. Throws LlmError.
  Completion completion();
  /// Ends the call.
  void cancel();

  /// Single pass.
  class iterator {
  public:
    using iterator_category = std::input_iterator_tag; ///< Single pass.
    using value_type = Chunk;                          ///< A piece.
    using difference_type = std::ptrdiff_t;            ///< Unused.
    using pointer = const Chunk*;                      ///< Of a piece.
    using reference = const Chunk&;                    ///< Of a piece.
    /// The end.
    iterator() = default;
    /// Reads the first piece.
    explicit iterator(CompletionStream& of) : of_(&of) { ++*this; }
    /// The piece read last.
    reference operator*() const { return *now_; }
    /// The piece read last.
    pointer operator->() const { return &*now_; }
    /// Reads the next piece. Throws LlmError.
    iterator& operator++() {
      now_ = of_->next();
      if (!now_) of_ = nullptr;
      return *this;
    }
    /// Reads the next piece. Throws LlmError.
    void operator++(int) { ++*this; }
    /// Whether both are at the end.
    friend bool operator==(const iterator& a, const iterator& b) { return a.of_ == b.of_; }

  private:
    CompletionStream* of_ = nullptr;
    std::optional<Chunk> now_;
  };
  /// Reads the first piece. Throws LlmError.
  iterator begin() { return iterator{*this}; }
  /// The end.
  iterator end() { return {}; }

private:
  std::shared_ptr<impl> impl_;
};

/// Calls one target, and others by name. Made by LlmFactory. Cheap to copy, thread-safe. Once its
/// router has stopped every call fails with ErrorKind::shut_down.
class ECHELON_API LlmClient {
public:
  /// @cond special members
  LlmClient(const LlmClient&);
  LlmClient(LlmClient&&) noexcept;
  LlmClient& operator=(const LlmClient&);
  LlmClient& operator=(LlmClient&&) noexcept;
  ~LlmClient();
  /// @endcond

  /// What call() asks.
  [[nodiscard]] const std::string& target() const;

  /// @name Plain: the whole answer
  /// Block the calling thread until the call ends, at the latest at its deadline. Throw LlmError.
  /// In an observer they throw invalid_request, since they would wait for themselves.
  /// @{

  /// The client's own target.
  Completion call(const Prompt& prompt, const CallOptions& options = {}) const;
  /// One target by name.
  Completion call_with_group(const std::string& target, const Prompt& prompt,
                             const CallOptions& options = {}) const;
  /// The first target, then the others in order, within one deadline.
  Completion call_with_fallback_groups(const std::vector<std::string>& targets,
                                       const Prompt& prompt, const CallOptions& options = {}) const;
  /// @}

  /// @name Streaming to a callback
  /// `on_chunk` gets each piece in the calling thread; return when the stream is over. If it
  /// throws, the call is cancelled and the exception passed on.
  /// @{

  /// One target by name.
  Completion stream_with_group(const std::string& target, const Prompt& prompt,
                               const std::function<void(const Chunk&)>& on_chunk,
                               const CallOptions& options = {}) const;
  /// The first target, then the others in order.
  Completion stream_with_fallback_groups(const std::vector<std::string>& targets,
                                         const Prompt& prompt,
                                         const std::function<void(const Chunk&)>& on_chunk,
                                         const CallOptions& options = {}) const;
  /// @}

  /// @name Streaming as a range
  /// Return at once; failures are thrown where the stream is read.
  /// @{

  /// The client's own target.
  [[nodiscard]] CompletionStream open_stream(const Prompt& prompt,
                                             const CallOptions& options = {}) const;
  /// One target by name.
  [[nodiscard]] CompletionStream open_stream_with_group(const std::string& target,
                                                        const Prompt& prompt,
                                                        const CallOptions& options = {}) const;
  /// The first target, then the others in order.
  [[nodiscard]] CompletionStream
  open_stream_with_fallback_groups(const std::vector<std::string>& targets, const Prompt& prompt,
                                   const CallOptions& options = {}) const;
  /// @}

  /// @name Asynchronous
  /// Return at once and throw nothing but std::bad_alloc. See also echelon/asio.hpp for completion
  /// tokens and coroutines, and echelon/caf.hpp for messages to an actor.
  /// @{

  /// One target by name.
  [[nodiscard]] PendingCompletion async_with_group(const std::string& target, const Prompt& prompt,
                                                   const CallOptions& options = {}) const;
  /// The first target, then the others in order.
  [[nodiscard]] PendingCompletion
  async_with_fallback_groups(const std::vector<std::string>& targets, const Prompt& prompt,
                             const CallOptions& options = {}) const;
  /// What all others are made of: the client's own target. Empty functions of `observer` are not
  /// called.
  CallHandle start(const Prompt& prompt, CallObserver observer,
                   const CallOptions& options = {}) const;
  /// The same with targets by name.
  CallHandle start(const Targets& targets, const Prompt& prompt, CallObserver observer,
                   const CallOptions& options = {}) const;
  /// @}

  /// @cond internal
  struct impl;
  explicit LlmClient(std::shared_ptr<const impl> x);
  /// @endcond

private:
  std::shared_ptr<const impl> impl_;
};

} // namespace echelon
