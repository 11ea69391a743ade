#include "api/client_inside.hpp"

#include "api/answers.hpp"
#include "config/log.hpp"
#include "providers/json_read.hpp"

#include <stdexcept>

namespace echelon {

using nlohmann::json;

CallHandle::CallHandle() = default;
CallHandle::CallHandle(std::shared_ptr<impl> x) : impl_(std::move(x)) {}
CallHandle::CallHandle(const CallHandle&) = default;
CallHandle::CallHandle(CallHandle&&) noexcept = default;
CallHandle& CallHandle::operator=(const CallHandle&) = default;
CallHandle& CallHandle::operator=(CallHandle&&) noexcept = default;
CallHandle::~CallHandle() = default;

void CallHandle::cancel() const {
  if (impl_) impl_->cancel();
}

namespace {

/// The body of a call: the prompt's, with what the options set.
json body_of(const Prompt& prompt, const CallOptions& options, bool stream) {
  auto body = providers::parse_json(prompt.json());
  if (!body.is_object())
    throw api::plain_error(ErrorKind::invalid_request, "The prompt is no JSON object.", 400);
  if (!options.body_json.empty()) {
    const auto more = providers::parse_json(options.body_json);
    if (!more.is_object())
      throw api::plain_error(ErrorKind::invalid_request, "CallOptions.body_json is no JSON object.",
                             400);
    body.update(more);
  }
  if (options.temperature) body["temperature"] = *options.temperature;
  if (options.max_tokens) body["max_tokens"] = *options.max_tokens;
  body.erase("stream");
  body.erase("stream_options");
  if (stream) {
    body["stream"] = true;
    body["stream_options"] = {{"include_usage", true}};
  }
  return body;
}

/// Tells a CallObserver.
class observing final : public api::listener {
public:
  explicit observing(CallObserver x) : to_(std::move(x)) {}
  void chunk(Chunk x) override {
    if (to_.on_chunk) to_.on_chunk(std::move(x));
  }
  void done(Completion x) override {
    const auto last = std::exchange(to_, {});
    if (last.on_done) quietly([&] { last.on_done(std::move(x)); });
  }
  void failed(LlmError x) override {
    const auto last = std::exchange(to_, {});
    if (last.on_error) quietly([&] { last.on_error(std::move(x)); });
  }
  bool must_wait(std::function<void()>) override { return false; }

private:
  /// The call is over: what the observer throws has nowhere to go but the log.
  template <class F>
  static void quietly(F f) {
    try {
      f();
    } catch (const std::exception& error) {
      log().error("an observer threw: {}", error.what());
    } catch (...) {
      log().error("an observer threw");
    }
  }
  CallObserver to_;
};

/// Keeps a promise.
class promising final : public api::listener {
public:
  std::promise<Completion> promise;
  void chunk(Chunk) override {}
  void done(Completion x) override { promise.set_value(std::move(x)); }
  void failed(LlmError x) override { promise.set_exception(std::make_exception_ptr(std::move(x))); }
  bool must_wait(std::function<void()>) override { return false; }
};

/// A thread of the router that waits for a call waits for itself.
const LlmClient::impl& may_block(const LlmClient::impl& x) {
  if (x.to->on_own_thread())
    throw api::plain_error(ErrorKind::invalid_request,
                           "A blocking call in an observer would wait for itself.", 0);
  return x;
}

PendingCompletion pending(const LlmClient::impl& of, std::vector<std::string> targets,
                          const Prompt& prompt, const CallOptions& options) {
  const auto to = std::make_shared<promising>();
  PendingCompletion x;
  x.future = to->promise.get_future();
  x.handle = api::start_call(of, std::move(targets), prompt, options, false, to);
  return x;
}

Completion streamed(CompletionStream from, const std::function<void(const Chunk&)>& on_chunk) {
  while (const auto x = from.next())
    if (on_chunk) on_chunk(*x);
  return from.completion();
}

} // namespace

CallHandle api::start_call(const LlmClient::impl& of, std::vector<std::string> targets,
                           const Prompt& prompt, const CallOptions& options, bool stream,
                           const std::shared_ptr<listener>& to) {
  try {
    call_spec what;
    what.options = options;
    const bool own = targets.empty();
    what.targets = std::move(targets);
    if (own && !what.options.node_config && of.node) what.options.node_config = of.node;
    if (!own) {
      // Targets that are named are asked; a node comes in place of the client's own target alone.
      if (what.options.node_config)
        throw plain_error(ErrorKind::invalid_request,
                          "A call has targets or CallOptions.node_config, not both.", 400);
    } else if (!what.options.node_config) {
      what.targets = {of.target};
    }
    for (const auto& x : what.targets)
      if (x.empty())
        throw plain_error(ErrorKind::unknown_target, "The target's name is empty.", 404);
    what.body = body_of(prompt, options, stream);
    what.stream = stream;
    return of.to->start(std::move(what), to);
  } catch (const LlmError& error) {
    to->failed(error);
  }
  return {};
}

LlmClient::LlmClient(std::shared_ptr<const impl> x) : impl_(std::move(x)) {}
LlmClient::LlmClient(const LlmClient&) = default;
LlmClient::LlmClient(LlmClient&&) noexcept = default;
LlmClient& LlmClient::operator=(const LlmClient&) = default;
LlmClient& LlmClient::operator=(LlmClient&&) noexcept = default;
LlmClient::~LlmClient() = default;

const std::string& LlmClient::target() const {
  return impl_->target;
}

namespace {

/// Targets that a caller names: an empty list names none.
std::vector<std::string> named(const std::vector<std::string>& targets) {
  return targets.empty() ? std::vector<std::string>{""} : targets;
}

} // namespace

Completion LlmClient::call(const Prompt& prompt, const CallOptions& options) const {
  return pending(may_block(*impl_), {}, prompt, options).get();
}

Completion LlmClient::call_with_group(const std::string& target, const Prompt& prompt,
                                      const CallOptions& options) const {
  return pending(may_block(*impl_), {target}, prompt, options).get();
}

Completion LlmClient::call_with_fallback_groups(const std::vector<std::string>& targets,
                                                const Prompt& prompt,
                                                const CallOptions& options) const {
  return pending(may_block(*impl_), named(targets), prompt, options).get();
}

Completion LlmClient::stream_with_group(const std::string& target, const Prompt& prompt,
                                        const std::function<void(const Chunk&)>& on_chunk,
                                        const CallOptions& options) const {
  static_cast<void>(may_block(*impl_));
  return streamed(open_stream_with_group(target, prompt, options), on_chunk);
}

Completion LlmClient::stream_with_fallback_groups(const std::vector<std::string>& targets,
                                                  const Prompt& prompt,
                                                  const std::function<void(const Chunk&)>& on_chunk,
                                                  const CallOptions& options) const {
  static_cast<void>(may_block(*impl_));
  return streamed(open_stream_with_fallback_groups(targets, prompt, options), on_chunk);
}

CompletionStream LlmClient::open_stream(const Prompt& prompt, const CallOptions& options) const {
  return api::open_call(*impl_, {}, prompt, options);
}

CompletionStream LlmClient::open_stream_with_group(const std::string& target, const Prompt& prompt,
                                                   const CallOptions& options) const {
  return api::open_call(*impl_, {target}, prompt, options);
}

CompletionStream
LlmClient::open_stream_with_fallback_groups(const std::vector<std::string>& targets,
                                            const Prompt& prompt,
                                            const CallOptions& options) const {
  return api::open_call(*impl_, named(targets), prompt, options);
}

PendingCompletion LlmClient::async_with_group(const std::string& target, const Prompt& prompt,
                                              const CallOptions& options) const {
  return pending(*impl_, {target}, prompt, options);
}

PendingCompletion LlmClient::async_with_fallback_groups(const std::vector<std::string>& targets,
                                                        const Prompt& prompt,
                                                        const CallOptions& options) const {
  return pending(*impl_, named(targets), prompt, options);
}

CallHandle LlmClient::start(const Targets& targets, const Prompt& prompt, CallObserver observer,
                            const CallOptions& options) const {
  const bool stream = observer.on_chunk != nullptr;
  const auto to = std::make_shared<observing>(std::move(observer));
  return api::start_call(*impl_, named(targets.all()), prompt, options, stream, to);
}

CallHandle LlmClient::start(const Prompt& prompt, CallObserver observer,
                            const CallOptions& options) const {
  const bool stream = observer.on_chunk != nullptr;
  const auto to = std::make_shared<observing>(std::move(observer));
  return api::start_call(*impl_, {}, prompt, options, stream, to);
}

} // namespace echelon
