#include "gateway/observed_request.hpp"

#include "engine/telemetry/call_spans.hpp"

#include <boost/beast/http/field.hpp>

namespace echelon::gateway {

namespace http = boost::beast::http;

namespace {

constexpr std::size_t most_text = 256; // Of what a client writes.

/// The values of all headers of this name, joined by commas.
std::string all_of(const http::fields& head, const char* name) {
  std::string list;
  const auto [from, to] = head.equal_range(name);
  for (auto i = from; i != to; ++i) {
    if (!list.empty()) list += ',';
    list.append(i->value().data(), i->value().size());
  }
  return list;
}

double seconds(policy::duration x) {
  return std::chrono::duration<double>(x).count();
}

void add(engine::span_attributes& to, std::string_view name, const std::string& value) {
  if (!value.empty()) to.emplace_back(name, value.substr(0, most_text));
}

} // namespace

observed_request::observed_request(router& of, const engine::snapshot& now, connection& client,
                                   const http::fields& head, std::string_view path,
                                   std::string_view method, bool call)
    : of_(of), client_(client) {
  client.seen = nullptr;
  const bool traced = call && now.config->traces.on();
  if (!traced && !of.access_log().on()) return;
  const auto agent = head[http::field::user_agent];
  head_ = {std::string{method}, std::string{path}, std::string{agent.data(), agent.size()},
           std::chrono::system_clock::now(), policy::clock::now()};
  seen_ = std::make_unique<engine::observation>();
  seen_->prompts = now.config->logs.prompts && of.access_log().on();
  client.seen = seen_.get();
  // A second traceparent makes both worthless: two callers disagree.
  if (traced)
    seen_->trace.emplace(
        now.config->traces,
        engine::parse_trace_context(all_of(head, "traceparent"), all_of(head, "tracestate")));
}

observed_request::~observed_request() {
  client_.seen = nullptr;
  if (!seen_) return;
  if (of_.access_log().on()) of_.access_log().write(access_line(head_, client_, *seen_));
  if (!seen_->recorded()) return;
  auto spans = seen_->trace->take();
  spans.push_back(server_span());
  of_.traces().submit(std::move(spans));
}

engine::span observed_request::server_span() const {
  const auto& facts = seen_->facts;
  auto made = seen_->trace->server_span(head_.method + ' ' + head_.path);
  auto& to = made.attributes;
  add(to, "http.request.method", head_.method);
  add(to, "http.route", head_.path);
  add(to, "url.path", head_.path);
  add(to, "url.scheme", client_.stream.encrypted() ? "https" : "http");
  add(to, "client.address", client_.address);
  add(to, "user_agent.original", head_.agent);
  if (client_.status != 0)
    to.emplace_back("http.response.status_code", static_cast<std::int64_t>(client_.status));
  add(to, "echelon.request_id", facts.id);
  add(to, "echelon.client", facts.client);
  add(to, "echelon.target", facts.target);
  add(to, "echelon.route", facts.route);
  add(to, "echelon.outcome", facts.outcome);
  to.emplace_back("echelon.attempts", static_cast<std::int64_t>(facts.attempts));
  to.emplace_back("echelon.queue_wait", seconds(facts.queued));
  if (facts.cost > 0) to.emplace_back("echelon.cost", facts.cost);
  made.events = engine::events_of(*seen_->trace, facts.steps);
  // 4xx are the caller's doing: no error of ours, by OpenTelemetry's conventions. A stream that
  // ends as an error has begun as 200.
  made.failed = client_.status >= 500 || (client_.status < 300 && !facts.error.empty());
  if (!facts.error.empty()) add(to, "error.type", facts.error);
  if (made.failed) made.why = facts.outcome.substr(0, most_text);
  return made;
}

} // namespace echelon::gateway
