#include "gateway/access_line.hpp"

#include "engine/telemetry/audit.hpp"
#include "providers/json_text.hpp"

namespace echelon::gateway {

using nlohmann::json;

namespace {

constexpr std::size_t most_text = 256; // Of what a client writes.

double milliseconds(policy::duration x) {
  return std::chrono::duration<double, std::milli>(x).count();
}

void add(json& to, const char* key, const std::string& value) {
  if (!value.empty()) to[key] = value.substr(0, most_text);
}

/// Of the request as its client saw it.
const char* outcome_of(const connection& client, const engine::request_facts& x) {
  constexpr int left = 499; // What the record of a request says whose client has left.
  if (x.status == left || client.status == 0) return "left";
  if (client.status >= 400) return client.status >= 500 ? "failed" : "refused";
  return x.error.empty() ? "answered" : "broken"; // An error after a stream had begun.
}

void add_call(json& to, const engine::request_facts& x) {
  add(to, "target", x.target);
  add(to, "route", x.route);
  add(to, "model", x.model);
  add(to, "provider", x.provider);
  if (x.target.empty()) return;
  to["stream"] = x.stream;
  to["attempts"] = x.attempts;
  to["queued_ms"] = milliseconds(x.queued);
  if (x.first_content) to["first_content_ms"] = milliseconds(*x.first_content);
  if (x.usage) {
    to["prompt_tokens"] = x.usage->prompt_tokens;
    to["completion_tokens"] = x.usage->completion_tokens;
    to["cached_tokens"] = x.usage->cached_tokens;
    to["cost"] = x.cost;
  }
}

} // namespace

std::string access_line(const request_head& head, const connection& client,
                        const engine::observation& seen) {
  const auto& x = seen.facts;
  json line{{"time", engine::time_text(head.at)},
            {"address", client.address},
            {"method", head.method},
            {"status", client.status},
            {"outcome", outcome_of(client, x)},
            {"duration_ms", milliseconds(policy::clock::now() - head.begun)},
            {"bytes_in", x.bytes_in},
            {"bytes_out", client.sent}};
  add(line, "path", head.path);
  add(line, "id", x.id);
  add(line, "client", x.client);
  add(line, "error", x.error);
  add(line, "user_agent", head.agent);
  if (seen.trace) line["trace_id"] = seen.trace->own().trace_id;
  add_call(line, x);
  if (!x.prompt.is_null()) line["prompt"] = x.prompt;
  return providers::write_json(line);
}

} // namespace echelon::gateway
