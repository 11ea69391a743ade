/// @file
/// For hosts that are CAF applications: a router in the host's actor system, and calls whose
/// answers come as messages. Needs CAF 0.17.6. The only header that shows CAF.
#pragma once

#include <echelon/factory.hpp>

#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/meta/type_name.hpp>
#include <caf/type_id.hpp>

#include <cstdint>
#include <string>

namespace echelon {

/// Makes the router's messages and those below known to the host's actor system. Call it in the
/// constructor of the host's configuration, before the system is made. Our type ids begin at
/// `caf::first_custom_type_id + 20000`: a block of the host must not reach there.
ECHELON_API void add_message_types(caf::actor_system_config& to);

/// A router whose actors live in `host`, which knows our messages (add_message_types) and outlives
/// the router. As a member of a cluster the host loads `caf::io::middleman` too, and with TLS
/// `caf::openssl::manager`. Throws LlmError (configuration).
[[nodiscard]] ECHELON_API LlmFactory attach(caf::actor_system& host, const ConfigManager& config,
                                            FactoryOptions options = {});

/// A piece of a stream.
struct llm_chunk {
  std::uint64_t tag = 0; ///< As the asker gave it.
  std::string text;      ///< May be empty.
  std::string thinking;  ///< May be empty.
  std::string json;      ///< OpenAI's `chat.completion.chunk` object.
};

/// The whole answer; of a stream too. Last message of its tag.
struct llm_completion {
  std::uint64_t tag = 0;      ///< As the asker gave it.
  std::string text;           ///< May be empty (tool calls).
  std::string finish_reason;  ///< `stop`, `length`, `tool_calls`, `content_filter`.
  std::string route;          ///< `plan_group.echelon2/openai-gpt4-turbo`
  std::string request_id;     ///< `x-request-id`
  std::uint32_t attempts = 0; ///< Attempts at upstreams.
  std::string json;           ///< OpenAI's chat completion object.
};

/// The failure. Last message of its tag.
struct llm_failure {
  std::uint64_t tag = 0;           ///< As the asker gave it.
  std::uint8_t kind = 0;           ///< ErrorKind.
  std::int32_t status = 0;         ///< HTTP status; 0: none.
  std::string message;             ///< For people.
  std::int64_t retry_after_ms = 0; ///< 0: unknown.
  std::string request_id;          ///< May be empty.
  std::string decision;            ///< Decision record as JSON; may be empty.
};

/// @cond internal
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, llm_chunk& x) {
  auto& [tag, text, thinking, json] = x;
  return f(caf::meta::type_name("llm_chunk"), tag, text, thinking, json);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, llm_completion& x) {
  auto& [tag, text, finish_reason, route, request_id, attempts, json] = x;
  return f(caf::meta::type_name("llm_completion"), tag, text, finish_reason, route, request_id,
           attempts, json);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, llm_failure& x) {
  auto& [tag, kind, status, message, retry_after_ms, request_id, decision] = x;
  return f(caf::meta::type_name("llm_failure"), tag, kind, status, message, retry_after_ms,
           request_id, decision);
}
/// @endcond

/// Calls `targets` of `client`; `to` gets llm_completion or llm_failure with `tag`. The call is
/// cancelled by the handle.
ECHELON_API CallHandle send_call(const LlmClient& client, const caf::actor& to, std::uint64_t tag,
                                 const Targets& targets, const Prompt& prompt,
                                 const CallOptions& options = {});
/// The same as a stream: llm_chunk messages first.
ECHELON_API CallHandle send_stream(const LlmClient& client, const caf::actor& to, std::uint64_t tag,
                                   const Targets& targets, const Prompt& prompt,
                                   const CallOptions& options = {});

} // namespace echelon

/// @cond internal
CAF_BEGIN_TYPE_ID_BLOCK(echelon_api, caf::first_custom_type_id + 20000)
CAF_ADD_TYPE_ID(echelon_api, (echelon::llm_chunk))
CAF_ADD_TYPE_ID(echelon_api, (echelon::llm_completion))
CAF_ADD_TYPE_ID(echelon_api, (echelon::llm_failure))
CAF_END_TYPE_ID_BLOCK(echelon_api)
/// @endcond
