#include "engine/telemetry/call_spans.hpp"

#include "config/url.hpp"
#include "providers/json_read.hpp"

namespace echelon::engine {

namespace {

using providers::count_of;
using providers::member;
using providers::text_of;

/// As the conventions call it.
std::string provider_name(const config::provider_config& x) {
  switch (x.kind) {
  case config::provider_kind::openai: return "openai";
  case config::provider_kind::anthropic: return "anthropic";
  case config::provider_kind::gemini: return "gcp.gemini";
  case config::provider_kind::simulator:
  case config::provider_kind::custom: break;
  }
  return x.kind_name;
}

/// `http://host:port/path` in its parts; port 0: the scheme's.
void add_server(span_attributes& to, const std::string& url) {
  const auto from = url.find("://");
  if (from == std::string::npos) return;
  const auto rest = url.substr(from + 3);
  const auto authority = rest.substr(0, rest.find('/'));
  std::string host = authority;
  std::uint16_t port = url.rfind("https:", 0) == 0 ? 443 : 80;
  static_cast<void>(config::split_address(authority, host, port));
  to.emplace_back("server.address", host);
  to.emplace_back("server.port", static_cast<std::int64_t>(port));
}

void add_request(span_attributes& to, const providers::canonical_request& x) {
  if (x.stream) to.emplace_back("gen_ai.request.stream", true);
  for (const char* key : {"max_completion_tokens", "max_tokens"})
    if (const auto n = count_of(x.body(), key)) {
      to.emplace_back("gen_ai.request.max_tokens", *n);
      break;
    }
  for (const auto& [key, name] : {std::pair{"temperature", "gen_ai.request.temperature"},
                                  std::pair{"top_p", "gen_ai.request.top_p"}})
    if (const auto& value = member(x.body(), key); value.is_number())
      to.emplace_back(name, value.get<double>());
}

void add_answer(span_attributes& to, const answer_facts& x) {
  if (!x.id.empty()) to.emplace_back("gen_ai.response.id", x.id);
  if (!x.model.empty()) to.emplace_back("gen_ai.response.model", x.model);
  if (!x.finish_reasons.empty())
    to.emplace_back("gen_ai.response.finish_reasons", x.finish_reasons);
}

void add_usage(span_attributes& to, const providers::token_usage& x) {
  to.emplace_back("gen_ai.usage.input_tokens", x.prompt_tokens);
  to.emplace_back("gen_ai.usage.output_tokens", x.completion_tokens);
  if (x.cached_tokens > 0) to.emplace_back("gen_ai.usage.cache_read.input_tokens", x.cached_tokens);
  if (x.cache_write_tokens > 0)
    to.emplace_back("gen_ai.usage.cache_creation.input_tokens", x.cache_write_tokens);
  if (x.reasoning_tokens > 0)
    to.emplace_back("gen_ai.usage.reasoning.output_tokens", x.reasoning_tokens);
}

} // namespace

span attempt_span(const request_trace& of, const upstream_attempt& x, std::string_view outcome,
                  std::uint32_t number) {
  const auto& terms = x.terms();
  const auto* model = terms.config.model(terms.model);
  const std::string operation =
      terms.request.op == providers::operation::embeddings ? "embeddings" : "chat";
  const auto& asked = model != nullptr ? model->model : terms.model;
  auto made = of.child(operation + ' ' + asked, x.begun_at(), policy::clock::now());
  made.span_id = terms.span_id;
  made.kind = span_kind::client;
  auto& to = made.attributes;
  to.emplace_back("gen_ai.operation.name", operation);
  if (model != nullptr) {
    const auto& provider = terms.config.providers.at(model->provider);
    to.emplace_back("gen_ai.provider.name", provider_name(provider));
    to.emplace_back("gen_ai.request.model", model->model);
    if (!provider.simulate) add_server(to, provider.base_url);
    to.emplace_back("echelon.provider", provider.name);
  }
  add_request(to, terms.request);
  if (const auto first = x.first_content_after())
    to.emplace_back("gen_ai.response.time_to_first_chunk", *first);
  add_answer(to, x.answered());
  if (x.usage()) add_usage(to, *x.usage());
  to.emplace_back("echelon.model", terms.model);
  to.emplace_back("echelon.route", terms.label);
  to.emplace_back("echelon.attempt", static_cast<std::int64_t>(number));
  to.emplace_back("echelon.outcome", std::string{outcome});
  if (outcome != "ok" && outcome != "hedge_lost") {
    made.failed = true;
    to.emplace_back("error.type", std::string{outcome});
  }
  if (const auto& failure = x.failure(); failure && made.failed) {
    made.why = failure->message;
    if (failure->status != 0)
      to.emplace_back("http.response.status_code", static_cast<std::int64_t>(failure->status));
  }
  return made;
}

span wait_span(const request_trace& of, std::string_view actor, policy::time_point from,
               std::string_view result) {
  auto made = of.child("queue wait", from, policy::clock::now());
  made.attributes.emplace_back("echelon.actor", std::string{actor});
  made.attributes.emplace_back("echelon.result", std::string{result});
  return made;
}

std::vector<span_event> events_of(const request_trace& of, const std::vector<policy::step>& steps) {
  std::vector<span_event> found;
  for (const auto& x : steps) {
    span_event e{of.at(x.at), x.what};
    if (!x.actor.empty()) e.attributes.emplace_back("echelon.actor", x.actor);
    if (!x.reason.empty()) e.attributes.emplace_back("echelon.reason", x.reason);
    found.push_back(std::move(e));
  }
  return found;
}

} // namespace echelon::engine
