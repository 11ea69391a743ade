#include "api/embedded.hpp"
#include "api/factory_inside.hpp"
#include "messages/type_ids.hpp"

#include <echelon/caf.hpp>

#include <caf/send.hpp>
#include <caf/uniform_type_info_map.hpp>

namespace echelon {

void add_message_types(caf::actor_system_config& to) {
  to.add_message_types<caf::id_block::echelon>();
  to.add_message_types<caf::id_block::echelon_api>();
}

LlmFactory attach(caf::actor_system& host, const ConfigManager& config, FactoryOptions options) {
  const auto& types = host.types();
  if (types.portable_name(0, &typeid(messages::admit_request)) == types.default_type_name())
    throw LlmError("the host's actor system does not know echelon's messages: call "
                   "echelon::add_message_types() in the constructor of its configuration",
                   {ErrorKind::configuration, 0, "configuration", {}, {}, {}, {}, 0, {}, {}});
  return LlmFactory{std::make_shared<LlmFactory::impl>(api::make_embedded(config, options, &host))};
}

namespace {

CallObserver observer_of(const caf::actor& to, std::uint64_t tag) {
  CallObserver x;
  x.on_done = [to, tag](Completion c) {
    caf::anon_send(to, llm_completion{tag, std::move(c.text), std::move(c.finish_reason),
                                      std::move(c.route), std::move(c.request_id), c.attempts,
                                      std::move(c.json)});
  };
  x.on_error = [to, tag](const LlmError& e) {
    const auto wait = e.retry_after().value_or(std::chrono::milliseconds{0});
    caf::anon_send(to, llm_failure{tag, static_cast<std::uint8_t>(e.kind()), e.status(), e.what(),
                                   wait.count(), e.info().request_id, e.info().decision});
  };
  return x;
}

} // namespace

CallHandle send_call(const LlmClient& client, const caf::actor& to, std::uint64_t tag,
                     const Targets& targets, const Prompt& prompt, const CallOptions& options) {
  return client.start(targets, prompt, observer_of(to, tag), options);
}

CallHandle send_stream(const LlmClient& client, const caf::actor& to, std::uint64_t tag,
                       const Targets& targets, const Prompt& prompt, const CallOptions& options) {
  auto observer = observer_of(to, tag);
  observer.on_chunk = [to, tag](Chunk x) {
    caf::anon_send(to, llm_chunk{tag, std::move(x.text), std::move(x.thinking), std::move(x.json)});
  };
  return client.start(targets, prompt, std::move(observer), options);
}

} // namespace echelon
