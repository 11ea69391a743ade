/// What is learnt of one request while it is served, for its span and its line in the access log.
#pragma once

#include "engine/telemetry/request_trace.hpp"
#include "policy/dispatch.hpp"
#include "providers/adapter.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace echelon::engine {

/// Whoever learns something writes it here. Texts are empty while they are not known.
struct request_facts {
  std::string id;       ///< `x-request-id`
  std::string client;   ///< Name of the client's key.
  std::string target;   ///< As asked for.
  std::string route;    ///< `plan_group.echelon2/openai-gpt4-turbo`
  std::string model;    ///< Of the answer.
  std::string provider; ///< That model's.
  std::string outcome;  ///< In words.
  std::string error;    ///< Its `code`, else its `type`.
  int status = 0;       ///< As the decision record has it: 499 if the client left.
  bool stream = false;
  std::uint64_t bytes_in = 0; ///< Of the request's body.
  nlohmann::json prompt;      ///< `messages` or `input`, where prompts are logged; else null.
  std::uint32_t attempts = 0;
  policy::duration queued{};
  std::optional<policy::duration> first_content; ///< Since the request came; streams.
  std::optional<providers::token_usage> usage;
  double cost = 0;                 ///< By the model's `price`.
  std::vector<policy::step> steps; ///< For traces that are recorded only.
};

struct observation {
  request_facts facts;
  std::optional<request_trace> trace; ///< Where traces are on.
  bool prompts = false;               ///< `facts.prompt` is wanted.
  /// The trace if it is recorded, else null.
  [[nodiscard]] request_trace* recorded() { return trace && trace->recorded() ? &*trace : nullptr; }
};

} // namespace echelon::engine
