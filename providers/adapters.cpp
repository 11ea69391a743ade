#include "providers/anthropic.hpp"
#include "providers/chunks.hpp"
#include "providers/gemini.hpp"
#include "providers/json_read.hpp"
#include "providers/openai.hpp"

namespace echelon::providers {

const adapter& adapter_for(config::provider_kind kind) {
  static const openai_adapter openai;
  static const anthropic_adapter anthropic;
  static const gemini_adapter gemini;
  switch (kind) {
  case config::provider_kind::anthropic: return anthropic;
  case config::provider_kind::gemini: return gemini;
  case config::provider_kind::openai:
  case config::provider_kind::simulator:
  case config::provider_kind::custom: break;
  }
  return openai;
}

const adapter& adapter_for(const config::provider_config& provider) {
  // The simulator knows nothing of a host's wire format: it is asked in OpenAI's.
  if (provider.adapter && !provider.simulate) return *provider.adapter;
  return adapter_for(provider.kind);
}

const nlohmann::json& canonical_request::body() const {
  if (tree.is_null() && !text.empty()) tree = parse_json(text);
  return tree;
}

namespace {

bool is_event_stream(std::string_view body) {
  const auto start = body.find_first_not_of("\xEF\xBB\xBF \t\r\n");
  if (start == std::string_view::npos) return false;
  const auto line = body.substr(start);
  return line.starts_with("data:") || line.starts_with("event:") || line.starts_with(':');
}

} // namespace

plain_reply read_plain(const adapter& wire, const canonical_request& request, std::string_view body,
                       std::int64_t created) {
  if (request.op != operation::chat || !is_event_stream(body)) return wire.parse(request, body);
  const auto decoder = wire.decode_stream({operation::chat, nlohmann::json(), true}, created);
  auto update = decoder->feed(body);
  auto chunks = std::move(update.chunks);
  plain_reply reply;
  reply.usage = update.usage;
  reply.failure = std::move(update.failure);
  if (!update.finished && !reply.failure) {
    auto last = decoder->finish();
    for (auto& chunk : last.chunks)
      chunks.push_back(std::move(chunk));
    if (last.usage) reply.usage = last.usage;
    reply.failure = std::move(last.failure);
  }
  if (!reply.failure) reply.body = completion_of(chunks);
  return reply;
}

} // namespace echelon::providers
