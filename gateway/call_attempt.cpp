// One attempt at one upstream: translate, send, read, and pass on to the client.
#include "gateway/call.hpp"

#include "gateway/stream_writer.hpp"
#include "providers/text.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace echelon::gateway {

namespace asio = boost::asio;
using policy::clock;
using policy::failure_class;
using providers::upstream_failure;

namespace {

upstream_failure of_transport(const providers::transport_error& x) {
  upstream_failure f;
  switch (x.why) {
  case providers::transport_error::reason::timeout:
    f.kind = failure_class::timeout;
    f.code = "upstream_timeout";
    break;
  case providers::transport_error::reason::too_large:
    f.kind = failure_class::invalid_reply;
    f.code = "reply_too_large";
    break;
  case providers::transport_error::reason::network:
  case providers::transport_error::reason::cancelled:
    f.kind = failure_class::network;
    f.code = "upstream_unreachable";
    break;
  }
  f.type = "upstream_error";
  f.message = x.message;
  return f;
}

policy::attempt_result result_of(const upstream_failure& x, bool committed) {
  policy::attempt_result r;
  r.kind = x.kind;
  r.retry_after = x.retry_after;
  r.committed = committed;
  return r;
}

std::int64_t total(const std::optional<providers::token_usage>& x) {
  return x ? x->prompt_tokens + x->completion_tokens : -1;
}

} // namespace

config::tier_parameters call::parameters(const policy::start_attempt& x) const {
  config::tier_parameters merged;
  const auto* tier = config_->config->tier({x.group, x.tier});
  if (!x.group.empty() && tier != nullptr) merged = tier->parameters;
  if (const auto* node = config_->config->node(request_.target)) {
    const auto& own = node->parameters;
    if (own.temperature) merged.temperature = own.temperature;
    if (!own.response_format.empty()) merged.response_format = own.response_format;
    if (!own.function_calling.empty()) merged.function_calling = own.function_calling;
    if (own.thinking) merged.thinking = own.thinking;
  }
  return merged;
}

asio::awaitable<call::attempt_end> call::exchange(const policy::start_attempt& x) {
  attempt_end end;
  const auto fail = [&](upstream_failure f, bool committed) {
    end.result = result_of(f, committed);
    end.failure = std::move(f);
  };
  const auto* model = config_->config->model(x.model);
  const auto provider =
      model ? config_->config->providers.find(model->provider) : config_->config->providers.end();
  if (provider == config_->config->providers.end()) {
    fail({failure_class::untranslatable,
          0,
          "model '" + x.model + "' has no provider",
          "",
          "",
          "",
          {}},
         false);
    co_return end;
  }
  const auto& wire = providers::adapter_for(provider->second.kind);
  const auto filled = parameters(x);
  const auto& keys = provider->second.api_keys;
  // Several keys take turns, request by request.
  const auto key = keys.empty() ? std::string_view{} : std::string_view{keys[hold_ % keys.size()]};
  const providers::attempt_context context{provider->second, *model, filled, key};
  auto built = wire.build(request_.canonical, context);
  dropped_ = std::move(built.dropped);
  if (built.failure) {
    fail(std::move(*built.failure), false);
    co_return end;
  }
  const auto from = upstreams_.open(provider->second);
  upstream_ = from.get();
  from->expires_at(std::min(deadline_, clock::now() + x.timeout));
  std::optional<upstream_failure> broken;
  try {
    const auto head = co_await from->start(std::move(built.request));
    if (head.status < 200 || head.status > 299) {
      end = co_await read_failure(*from, wire, head);
    } else if (request_.canonical.stream) {
      end = co_await read_stream(*from, wire, x);
    } else {
      end = co_await read_plain(*from, wire);
    }
  } catch (const providers::transport_error& error) {
    broken = of_transport(error);
  }
  upstream_ = nullptr;
  if (broken) fail(std::move(*broken), client_.head_sent);
  // An upstream may repeat the key that it was sent.
  if (end.failure) providers::scrub_failure(*end.failure, context.api_key);
  co_return end;
}

asio::awaitable<call::attempt_end> call::read_failure(providers::exchange& from,
                                                      const providers::adapter& wire,
                                                      const providers::response_head& head) {
  constexpr std::size_t most = 65536; // Of an error's body; the rest tells nothing more.
  std::string body;
  for (;;) {
    auto piece = co_await from.read();
    if (piece.empty()) break;
    body += piece;
    if (body.size() >= most) break;
  }
  attempt_end end;
  end.failure = wire.parse_error(head.status, head.headers, body, std::chrono::system_clock::now());
  end.result = result_of(*end.failure, false);
  co_return end;
}

asio::awaitable<call::attempt_end> call::read_plain(providers::exchange& from,
                                                    const providers::adapter& wire) {
  std::string body;
  for (;;) {
    auto piece = co_await from.read();
    if (piece.empty()) break;
    body += piece;
    if (body.size() > config_->config->server.max_reply_bytes)
      throw providers::transport_error{providers::transport_error::reason::too_large,
                                       "the answer is larger than server.max_reply_bytes"};
  }
  attempt_end end;
  auto reply = wire.parse(request_.canonical, body);
  if (reply.failure) {
    end.result = result_of(*reply.failure, false);
    end.failure = std::move(reply.failure);
    co_return end;
  }
  plain_ = std::move(reply.body);
  // Anthropic and Gemini tell no time.
  if (plain_.is_object() && plain_.value("created", 1) == 0)
    plain_["created"] =
        std::chrono::duration_cast<std::chrono::seconds>(wall_.time_since_epoch()).count();
  end.ok = true;
  end.result.tokens = total(reply.usage);
  if (reply.usage)
    router_.counters().tokens(request_.target, reply.usage->prompt_tokens,
                              reply.usage->completion_tokens);
  co_return end;
}

asio::awaitable<call::attempt_end> call::read_stream(providers::exchange& from,
                                                     const providers::adapter& wire,
                                                     const policy::start_attempt& x) {
  attempt_end end;
  const auto begun = clock::now();
  const auto decoder = wire.decode_stream(
      request_.canonical,
      std::chrono::duration_cast<std::chrono::seconds>(wall_.time_since_epoch()).count());
  encoder_ = api_.encode_stream(request_);
  stream_writer out{client_};
  std::optional<providers::token_usage> usage;
  std::string held; // Before the commit point nothing reaches the client.
  std::optional<upstream_failure> broken;
  for (bool finished = false; !finished && !broken;) {
    providers::stream_update update;
    try {
      const auto piece = co_await from.read();
      update = piece.empty() ? decoder->finish() : decoder->feed(piece);
      finished = piece.empty();
    } catch (const providers::transport_error& error) {
      broken = of_transport(error);
      break;
    }
    std::string events;
    for (const auto& chunk : update.chunks)
      events += encoder_->chunk(chunk);
    if (update.usage) usage = update.usage;
    finished = finished || update.finished;
    if (out.begun()) {
      co_await out.write(std::move(events));
    } else {
      held += events;
      if (update.content || (finished && !update.failure)) {
        router_.counters().first_content(
            x.model, std::chrono::duration<double>(clock::now() - begun).count());
        const auto headers = reply_headers();
        co_await out.begin(headers, std::move(held));
      }
    }
    if (update.failure) broken = std::move(update.failure);
    // Before content only the first wait counts: pings and empty chunks do not extend it.
    if (out.begun()) from.expires_at(std::min(deadline_, clock::now() + x.timeout));
  }
  if (broken) {
    co_await out.stop();
    end.result = result_of(*broken, out.begun());
    end.result.tokens = total(usage);
    end.failure = std::move(broken);
    co_return end;
  }
  auto last = encoder_->finish();
  co_await out.end(std::move(last));
  end.ok = true;
  end.result.tokens = total(usage);
  if (usage)
    router_.counters().tokens(request_.target, usage->prompt_tokens, usage->completion_tokens);
  co_return end;
}

} // namespace echelon::gateway
