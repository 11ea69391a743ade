// A host's parts in the router's own terms.
#include "api/config_inside.hpp"
#include "providers/adapter.hpp"
#include "providers/json_read.hpp"
#include "providers/request_parts.hpp"

#include <echelon/extensions.hpp>

#include <algorithm>
#include <array>
#include <initializer_list>

namespace echelon {

using nlohmann::json;
using policy::failure_class;

ProviderStream::~ProviderStream() = default;

ProviderUpdate ProviderStream::finish() {
  ProviderUpdate x;
  x.failure = UpstreamFailure{FailureClass::server_error, 0, "stream_cut",
                              "the stream ended without its end"};
  return x;
}

ProviderKind::~ProviderKind() = default;

namespace {

constexpr std::array<std::pair<FailureClass, failure_class>, 13> classes{{
    {FailureClass::network, failure_class::network},
    {FailureClass::timeout, failure_class::timeout},
    {FailureClass::request_timeout, failure_class::request_timeout},
    {FailureClass::rate_limited, failure_class::rate_limited},
    {FailureClass::quota_exhausted, failure_class::quota_exhausted},
    {FailureClass::credential, failure_class::credential},
    {FailureClass::model_missing, failure_class::model_missing},
    {FailureClass::server_error, failure_class::server_error},
    {FailureClass::invalid_reply, failure_class::invalid_reply},
    {FailureClass::client_fault, failure_class::client_fault},
    {FailureClass::context_overflow, failure_class::context_overflow},
    {FailureClass::content_policy, failure_class::content_policy},
    {FailureClass::untranslatable, failure_class::untranslatable},
}};

failure_class inner(FailureClass x) {
  for (const auto& [theirs, ours] : classes)
    if (theirs == x) return ours;
  return failure_class::server_error;
}

FailureClass outer(failure_class x) {
  for (const auto& [theirs, ours] : classes)
    if (ours == x) return theirs;
  return FailureClass::server_error;
}

providers::upstream_failure inner(UpstreamFailure x) {
  providers::upstream_failure f;
  f.kind = inner(x.kind);
  f.status = x.status;
  f.code = std::move(x.code);
  f.message = x.message.empty() ? "the upstream failed" : x.message.substr(0, 500);
  f.type = f.kind == failure_class::client_fault ? "invalid_request_error" : "upstream_error";
  if (x.retry_after && x.retry_after->count() >= 0) f.retry_after = *x.retry_after;
  return f;
}

providers::upstream_failure thrown(const char* what) {
  return inner(UpstreamFailure{FailureClass::invalid_reply, 0, "provider_kind_threw", what});
}

std::optional<providers::token_usage> usage_in(const json& x) {
  const auto& usage = providers::member(x, "usage");
  if (!usage.is_object()) return std::nullopt;
  providers::token_usage u;
  u.prompt_tokens = providers::count_of(usage, "prompt_tokens").value_or(0);
  u.completion_tokens = providers::count_of(usage, "completion_tokens").value_or(0);
  return u;
}

/// Whether a chunk holds something that the caller sees.
bool has_content(const json& chunk) {
  const auto& choices = providers::member(chunk, "choices");
  if (!choices.is_array()) return false;
  for (const auto& choice : choices) {
    const auto& delta = providers::member(choice, "delta");
    for (const char* key : {"content", "reasoning_content", "refusal"})
      if (!providers::text_of(delta, key).empty()) return true;
    if (providers::has(delta, "tool_calls")) return true;
  }
  return false;
}

class host_stream final : public providers::stream_decoder {
public:
  explicit host_stream(std::unique_ptr<ProviderStream> from) : from_(std::move(from)) {}
  providers::stream_update feed(std::string_view bytes) override {
    return guarded([&] { return from_->feed(bytes); });
  }
  providers::stream_update finish() override {
    return guarded([&] { return from_->finish(); });
  }

private:
  template <class F>
  static providers::stream_update guarded(F read) {
    providers::stream_update x;
    try {
      auto seen = read();
      for (const auto& text : seen.chunks) {
        auto chunk = providers::parse_json(text);
        if (!chunk.is_object()) {
          x.failure = thrown("a chunk of the provider kind is no JSON object");
          return x;
        }
        x.content = x.content || has_content(chunk);
        if (const auto usage = usage_in(chunk)) x.usage = usage;
        x.chunks.push_back(std::move(chunk));
      }
      x.finished = seen.finished;
      if (seen.failure) x.failure = inner(std::move(*seen.failure));
    } catch (const std::exception& error) {
      x.failure = thrown(error.what());
    }
    return x;
  }
  std::unique_ptr<ProviderStream> from_;
};

class refusing_stream final : public providers::stream_decoder {
public:
  providers::stream_update feed(std::string_view) override { return finish(); }
  providers::stream_update finish() override {
    providers::stream_update x;
    x.failure = inner(UpstreamFailure{FailureClass::untranslatable, 0, "no_streams",
                                      "this provider kind has no streams"});
    return x;
  }
};

class host_adapter final : public providers::adapter {
public:
  explicit host_adapter(std::shared_ptr<const ProviderKind> kind) : kind_(std::move(kind)) {}

  providers::built_request build(const providers::canonical_request& request,
                                 const providers::attempt_context& context) const override {
    providers::built_request x;
    if (request.op != providers::operation::chat) {
      x.failure = inner(UpstreamFailure{FailureClass::untranslatable, 0, "no_embeddings",
                                        "this provider kind has no embeddings"});
      return x;
    }
    ProviderCall call;
    auto body = request.body();
    body["model"] = context.model.model;
    const auto& tier = context.parameters;
    if (tier.temperature && !providers::has(body, "temperature"))
      body["temperature"] = *tier.temperature;
    if (tier.response_format == "json" && !providers::has(body, "response_format"))
      body["response_format"] = {{"type", "json_object"}};
    if (!tier.function_calling.empty() && providers::has(body, "tools")
        && !providers::has(body, "tool_choice"))
      body["tool_choice"] = tier.function_calling;
    call.body = providers::dump(body);
    call.stream = request.stream;
    call.model = context.model.model;
    call.api_key = std::string{context.api_key};
    if (tier.thinking) {
      call.thinking = tier.thinking->enabled;
      call.thinking_budget = tier.thinking->budget_tokens;
    }
    try {
      auto built = kind_->build(call);
      x.request.method = std::move(built.method);
      x.request.target = providers::endpoint(context.provider.base_url, "", built.target);
      x.request.headers = std::move(built.headers);
      for (const auto& [name, value] : context.provider.headers)
        x.request.headers.emplace_back(name, value);
      x.request.body = std::move(built.body);
      x.dropped = std::move(built.dropped);
      if (built.failure) x.failure = inner(std::move(*built.failure));
    } catch (const std::exception& error) {
      x.failure = thrown(error.what());
    }
    return x;
  }

  providers::plain_reply parse(const providers::canonical_request&,
                               std::string_view body) const override {
    providers::plain_reply x;
    try {
      auto seen = kind_->parse(body);
      if (seen.failure) {
        x.failure = inner(std::move(*seen.failure));
        return x;
      }
      x.body = providers::parse_json(seen.completion);
      if (!x.body.is_object() || !providers::has(x.body, "choices"))
        x.failure = thrown("the answer of the provider kind is no chat completion");
      else
        x.usage = usage_in(x.body);
    } catch (const std::exception& error) {
      x.failure = thrown(error.what());
    }
    return x;
  }

  providers::upstream_failure parse_error(int status, const providers::header_list& headers,
                                          std::string_view body,
                                          std::chrono::system_clock::time_point) const override {
    try {
      auto x = inner(kind_->parse_error(status, headers, body));
      x.status = status;
      return x;
    } catch (const std::exception& error) {
      return thrown(error.what());
    }
  }

  std::unique_ptr<providers::stream_decoder> decode_stream(const providers::canonical_request&,
                                                           std::int64_t) const override {
    auto own = kind_->read_stream();
    if (!own) return std::make_unique<refusing_stream>();
    return std::make_unique<host_stream>(std::move(own));
  }

private:
  std::shared_ptr<const ProviderKind> kind_;
};

} // namespace

UpstreamFailure ProviderKind::parse_error(int status, const Headers&, std::string_view) const {
  UpstreamFailure x;
  x.status = status;
  x.kind = outer(policy::classify(status, {}, {}));
  x.message = "the upstream answered " + std::to_string(status);
  return x;
}

std::unique_ptr<ProviderStream> ProviderKind::read_stream() const {
  return nullptr;
}

config::host_parts api::parts_of(const Extensions& x) {
  config::host_parts parts;
  const auto taken = [](const std::string& name, std::initializer_list<const char*> own) {
    return name.empty() || std::find(own.begin(), own.end(), name) != own.end();
  };
  for (const auto& [name, kind] : x.provider_kinds)
    if (taken(name, {"openai", "anthropic", "gemini", "simulator"}))
      throw configuration_error({"provider kind '" + name + "' of the host needs another name"});
  for (const auto& [name, order] : x.rotation_strategies)
    if (taken(name, {"round_robin", "least_recently_used", "weighted"}))
      throw configuration_error(
          {"rotation strategy '" + name + "' of the host needs another name"});
  for (const auto& [name, kind] : x.provider_kinds)
    if (kind) parts.kinds[name] = std::make_shared<host_adapter>(kind);
  for (const auto& [name, order] : x.rotation_strategies) {
    if (!order) continue;
    parts.rotations[name] = std::make_shared<const policy::custom_order>(
        [order](const std::vector<policy::rotation_member>& usable, std::uint64_t turn) {
          std::vector<RotationMember> seen;
          for (const auto& m : usable)
            seen.push_back({m.index, m.weight, m.turns});
          return order(seen, turn);
        });
  }
  if (const auto judge = x.failure_classifier)
    parts.classifier = std::make_shared<const config::failure_classifier>(
        [judge](const std::string& model, failure_class kind, int status, std::string_view code,
                std::string_view message) {
          UpstreamFailure seen;
          seen.kind = outer(kind);
          seen.status = status;
          seen.code = std::string{code};
          seen.message = std::string{message};
          try {
            return inner(judge(model, seen));
          } catch (const std::exception&) {
            return kind; // The host's fault must not change what the upstream's was.
          }
        });
  return parts;
}

} // namespace echelon
