#include "engine/attempt.hpp"

#include "providers/json_read.hpp"
#include "providers/text.hpp"

#include <algorithm>

namespace echelon::engine {

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
  case providers::transport_error::reason::exhausted:
    f.kind = failure_class::router_exhausted;
    f.code = "router_exhausted";
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

/// A request that this provider's form has no words for; another model is tried.
upstream_failure inexpressible(const std::string& field, std::string why) {
  upstream_failure refused;
  refused.kind = failure_class::untranslatable;
  refused.type = "invalid_request_error";
  refused.code = "unsupported_parameter";
  refused.param = field;
  refused.message = std::move(why);
  return refused;
}

std::int64_t unix_seconds(std::chrono::system_clock::time_point x) {
  return std::chrono::duration_cast<std::chrono::seconds>(x.time_since_epoch()).count();
}

} // namespace

upstream_attempt::upstream_attempt(attempt_terms terms, providers::transport& upstreams)
    : terms_(std::move(terms)), upstreams_(upstreams) {}

void upstream_attempt::cancel() {
  if (from_) from_->cancel();
}

double upstream_attempt::seconds() const {
  return std::chrono::duration<double>(clock::now() - begun_).count();
}

policy::attempt_result upstream_attempt::result(bool committed) const {
  policy::attempt_result r;
  if (failure_) {
    r.kind = failure_->kind;
    r.retry_after = failure_->retry_after;
  }
  r.committed = committed;
  r.tokens = usage_ ? usage_->prompt_tokens + usage_->completion_tokens : -1;
  return r;
}

void upstream_attempt::fail(upstream_failure x) {
  // An upstream may repeat the key that it was sent.
  providers::scrub_failure(x, key_);
  if (const auto& judge = terms_.config.classifier;
      judge && x.kind != failure_class::untranslatable && x.kind != failure_class::router_exhausted)
    x.kind = (*judge)(terms_.model, x.kind, x.status, x.code, x.message);
  failure_ = std::move(x);
}

asio::awaitable<void> upstream_attempt::begin() {
  begun_ = clock::now();
  do {
    failure_.reset();
    std::optional<upstream_failure> broken;
    try {
      co_await exchange();
    } catch (const providers::transport_error& error) {
      broken = of_transport(error);
    }
    if (broken) fail(std::move(*broken));
  } while (another_key());
  // A connection that is not wanted any more goes back to the pool, or ends.
  if (failure_ || finished_) from_.reset();
  done_ = true;
}

/// A dead key is no failure of its model while another key lives: the same attempt goes on with
/// that.
bool upstream_attempt::another_key() {
  const auto* model = terms_.config.model(terms_.model);
  if (model == nullptr || tried_.empty()) return false;
  const auto& provider = terms_.config.providers.at(model->provider);
  const auto kind = failure_ ? failure_->kind : failure_class::none;
  const auto after = failure_ ? failure_->retry_after : std::nullopt;
  return terms_.keys.report(provider, tried_.back(), kind, after, clock::now(), tried_)
         && !content_;
}

asio::awaitable<void> upstream_attempt::exchange() {
  const auto* model = terms_.config.model(terms_.model);
  const auto provider =
      model ? terms_.config.providers.find(model->provider) : terms_.config.providers.end();
  if (provider == terms_.config.providers.end()) {
    upstream_failure nowhere;
    nowhere.kind = failure_class::untranslatable;
    nowhere.message = "model '" + terms_.model + "' has no provider";
    fail(std::move(nowhere));
    co_return;
  }
  const auto& wire = providers::adapter_for(provider->second);
  if (const auto& native = terms_.request.native;
      native && !native->beyond.empty()
      && provider->second.kind != config::provider_kind::anthropic) {
    fail(inexpressible(native->beyond, native->beyond_why));
    co_return;
  }
  if (provider->second.forward_authorization && !terms_.client_key.empty()) {
    key_ = terms_.client_key;
  } else if (const auto choice = terms_.keys.pick(provider->second, clock::now(), tried_)) {
    key_ = choice->key;
    tried_.push_back(choice->index);
  }
  const providers::attempt_context context{provider->second, *model, terms_.parameters, key_};
  auto built = wire.build(terms_.request, context);
  dropped_ = std::move(built.dropped);
  if (terms_.config.server.strict && !dropped_.empty() && !built.failure) {
    built.failure = inexpressible(dropped_.front(), "model '" + terms_.model + "' cannot express '"
                                                        + dropped_.front()
                                                        + "' (server.strict: nothing is dropped)");
  }
  if (built.failure) {
    fail(std::move(*built.failure));
    co_return;
  }
  built.request.headers.insert(built.request.headers.end(), terms_.headers.begin(),
                               terms_.headers.end());
  from_ = upstreams_.open(provider->second);
  from_->expires_at(std::min(terms_.deadline, begun_ + terms_.timeout));
  const auto head = co_await from_->start(std::move(built.request));
  if (head.status < 200 || head.status > 299) {
    co_await read_failure(wire, head);
  } else if (terms_.request.stream) {
    co_await read_first(wire);
  } else {
    co_await read_plain(wire);
  }
}

/// The body, up to `most` bytes; longer ones are cut or thrown as too_large.
asio::awaitable<std::string> upstream_attempt::read_all(std::size_t most, bool cut) {
  std::string body;
  for (;;) {
    auto piece = co_await from_->read();
    if (piece.empty()) break;
    body += piece;
    if (body.size() <= most) continue;
    if (cut) break;
    throw providers::transport_error{providers::transport_error::reason::too_large,
                                     "the answer is larger than server.max_reply_bytes"};
  }
  co_return body;
}

asio::awaitable<void> upstream_attempt::read_failure(const providers::adapter& wire,
                                                     const providers::response_head& head) {
  constexpr std::size_t most = 65536; // Of an error's body; the rest tells nothing more.
  const auto body = co_await read_all(most, true);
  fail(wire.parse_error(head.status, head.headers, body, std::chrono::system_clock::now()));
}

asio::awaitable<void> upstream_attempt::read_plain(const providers::adapter& wire) {
  const auto body = co_await read_all(terms_.config.server.max_reply_bytes, false);
  auto reply = providers::read_plain(wire, terms_.request, body, unix_seconds(terms_.wall));
  finished_ = true;
  if (reply.failure) {
    fail(std::move(*reply.failure));
    co_return;
  }
  plain = std::move(reply.body);
  plain_text = std::move(reply.text);
  // Anthropic and Gemini tell no time.
  if (plain.is_object() && plain.value("created", 1) == 0)
    plain["created"] = unix_seconds(terms_.wall);
  usage_ = reply.usage;
  // What goes on as it was written has been read for nothing else.
  if (!terms_.span_id.empty()) note(plain_text.empty() ? plain : providers::parse_json(plain_text));
}

/// Keeps what a span tells of an answer, or of a chunk of it.
void upstream_attempt::note(const nlohmann::json& answer) {
  if (answered_.id.empty()) answered_.id = providers::text_of(answer, "id");
  if (answered_.model.empty()) answered_.model = providers::text_of(answer, "model");
  const auto& choices = providers::member(answer, "choices");
  if (!choices.is_array()) return;
  for (const auto& x : choices)
    if (auto reason = providers::text_of(x, "finish_reason"); !reason.empty())
      answered_.finish_reasons.push_back(std::move(reason));
}

asio::awaitable<void> upstream_attempt::read_first(const providers::adapter& wire) {
  decoder_ = wire.decode_stream(terms_.request, unix_seconds(terms_.wall));
  // Before content only the first wait counts: pings and empty chunks do not extend it.
  while (!content_ && !finished_ && !failure_)
    content_ = co_await read_piece(chunks);
  if (content_) first_content_ = seconds();
}

/// @returns Whether content was among what came.
asio::awaitable<bool> upstream_attempt::read_piece(std::vector<nlohmann::json>& to) {
  const auto piece = co_await from_->read();
  auto update = piece.empty() ? decoder_->finish() : decoder_->feed(piece);
  for (auto& chunk : update.chunks) {
    if (!terms_.span_id.empty()) note(chunk);
    to.push_back(std::move(chunk));
  }
  if (update.usage) usage_ = update.usage;
  finished_ = update.finished || piece.empty();
  if (update.failure) fail(std::move(*update.failure));
  co_return update.content;
}

asio::awaitable<std::vector<nlohmann::json>> upstream_attempt::more() {
  std::vector<nlohmann::json> found;
  from_->expires_at(std::min(terms_.deadline, clock::now() + terms_.timeout));
  std::optional<upstream_failure> broken;
  try {
    static_cast<void>(co_await read_piece(found));
  } catch (const providers::transport_error& error) {
    broken = of_transport(error);
  }
  if (broken) fail(std::move(*broken));
  if (failure_ || finished_) from_.reset();
  co_return found;
}

} // namespace echelon::engine
