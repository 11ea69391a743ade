#include "providers/simulator/engine.hpp"

#include "providers/simulator/render.hpp"

#include <boost/beast/core/string.hpp>

#include <algorithm>

namespace echelon::providers {

using nlohmann::json;

namespace {

void set_header(header_list& headers, const std::string& name, const std::string& value) {
  const auto at =
      std::find_if(headers.begin(), headers.end(), [&](const auto& x) { return x.first == name; });
  if (at == headers.end())
    headers.emplace_back(name, value);
  else
    at->second = value;
}

/// Headers of a script may repeat a name, but replace what would have been sent.
void apply_headers(header_list& out, const header_list& scripted) {
  std::erase_if(out, [&](const auto& x) {
    return std::any_of(scripted.begin(), scripted.end(),
                       [&](const auto& y) { return y.first == x.first; });
  });
  out.insert(out.end(), scripted.begin(), scripted.end());
}

bool matches(const script_match& match, const simulated_call& call, const http_request& request) {
  if (!match.model.empty() && match.model != call.model) return false;
  const auto path = std::string_view{request.target}.substr(0, request.target.find('?'));
  if (!match.path.empty() && !path.ends_with(match.path)) return false;
  if (match.stream && *match.stream != call.stream) return false;
  if (request.body.find(match.contains) == std::string::npos) return false;
  return std::all_of(match.headers.begin(), match.headers.end(), [&](const auto& wanted) {
    return std::any_of(request.headers.begin(), request.headers.end(), [&](const auto& x) {
      return boost::beast::iequals(x.first, wanted.first) && x.second == wanted.second;
    });
  });
}

simulated_answer plain_answer(int status, std::string body) {
  simulated_answer out;
  out.status = status;
  set_header(out.headers, "content-type", "application/json");
  out.length = body.size();
  out.pieces.push_back({{}, std::move(body)});
  return out;
}

/// Pieces of a stream up to where the script ends it.
void fill_stream(simulated_answer& out, rendered_stream parts, const script_action& action,
                 simulated_api api) {
  const auto& timing = action.timing;
  if (!parts.opening.empty()) out.pieces.push_back({{}, std::move(parts.opening)});
  auto last = parts.chunks.size();
  const bool ends = action.ending != script_ending::complete;
  if (ends) last = std::min(last, action.ending_after);
  const bool errs = action.error_event && (!ends || action.error_after <= last);
  if (errs) last = std::min(last, action.error_after);
  for (std::size_t i = 0; i < last; ++i)
    out.pieces.push_back(
        {i == 0 ? timing.first_token : timing.per_token, std::move(parts.chunks[i])});
  const auto delay = last == 0 ? timing.first_token : timing.per_token;
  if (errs)
    out.pieces.push_back({delay, error_event_text(api, *action.error_event)});
  else if (!ends)
    out.pieces.push_back(
        {last == 0 ? delay : std::chrono::nanoseconds{0}, std::move(parts.closing)});
}

} // namespace

flight_ticket& flight_ticket::operator=(flight_ticket&& other) noexcept {
  if (this == &other) return *this;
  release();
  engine_ = std::move(other.engine_);
  model_ = std::move(other.model_);
  return *this;
}

void flight_ticket::release() {
  if (const auto engine = std::exchange(engine_, nullptr)) engine->leave(model_);
}

void simulator_engine::counts::enter() {
  ++requests;
  ++in_flight;
  max_in_flight = std::max(max_in_flight, in_flight);
}

simulator_engine::simulator_engine(simulator_script script) : script_(std::move(script)) {}

simulated_answer simulator_engine::plan(const http_request& request, time_point now) {
  const auto call = read_call(request);
  if (call.api == simulated_api::control) return control(request);
  simulated_answer out;
  const std::lock_guard lock{mutex_};
  const auto id = ++next_id_;
  if (const auto* rule = choose(call, request)) {
    out = answer(call, rule->then, id);
  } else {
    script_action action;
    action.timing = script_.defaults;
    out = answer(call, action, id);
  }
  if (call.model.empty()) return out;
  auto& counted = models_[call.model];
  counted.enter();
  total_.enter();
  if (watcher_) watcher_(call.model, true, now);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now - started_).count();
  const bool silent = out.ending == script_ending::hang || out.ending == script_ending::drop_cut
                      || out.ending == script_ending::drop_close;
  counted.arrivals.emplace_back(ms, silent ? 0 : out.status);
  if (counted.arrivals.size() > arrivals_kept) counted.arrivals.pop_front();
  out.ticket = flight_ticket{shared_from_this(), call.model};
  return out;
}

const script_rule* simulator_engine::choose(const simulated_call& call,
                                            const http_request& request) {
  script_rule* found = nullptr;
  for (auto& rule : script_.rules) {
    if (!matches(rule.match, call, request)) continue;
    ++rule.seen; // Also behind the rule that is played: nth counts requests, not uses.
    if (found || rule.seen < rule.match.from || rule.seen > rule.match.to) continue;
    if (rule.used >= rule.repeat) continue;
    ++rule.used;
    found = &rule;
  }
  return found;
}

simulated_answer simulator_engine::answer(const simulated_call& call, const script_action& action,
                                          std::uint64_t id) const {
  simulated_answer out;
  out.status = action.status;
  const bool good = action.status < 300;
  const bool chat = call.api == simulated_api::openai_chat
                    || call.api == simulated_api::anthropic_messages
                    || call.api == simulated_api::gemini_generate;
  if (action.body) {
    const bool json_like = action.body->starts_with('{') || action.body->starts_with('[');
    out = plain_answer(action.status, *action.body);
    set_header(out.headers, "content-type", json_like ? "application/json" : "text/plain");
  } else if (!good) {
    out = plain_answer(action.status, error_text(call.api, action.status,
                                                 "simulated " + std::to_string(action.status)));
  } else if (call.api == simulated_api::unknown) {
    out = plain_answer(404, error_text(call.api, 404, "no such endpoint"));
  } else if (!call.fault.empty()) {
    out = plain_answer(400, error_text(call.api, 400, call.fault));
  } else if (call.api == simulated_api::openai_models) {
    auto rows = json::array();
    for (const auto& [name, unused] : models_)
      rows.push_back({{"id", name}, {"object", "model"}, {"created", 0}, {"owned_by", "echelon"}});
    out = plain_answer(200, to_text({{"object", "list"}, {"data", std::move(rows)}}));
  } else {
    auto text = action.text.value_or(action.words > 0 ? std::string{} : echo_text(call));
    for (std::uint32_t i = 0; i < action.words; ++i)
      text += "w" + std::to_string(i) + ' ';
    const answer_renderer renderer{call, std::move(text), id};
    if (chat && call.stream) {
      set_header(out.headers, "content-type", "text/event-stream");
      out.stream = true;
      fill_stream(out, renderer.stream(), action, call.api);
    } else {
      out = plain_answer(action.status, renderer.plain());
    }
  }
  out.ending = action.ending;
  out.latency = action.timing.latency;
  if (!out.stream && out.ending != script_ending::complete) {
    auto& body = out.pieces.front().bytes;
    body.resize(body.size() / 2);
  }
  set_header(out.headers, "x-request-id", "sim-" + std::to_string(id));
  apply_headers(out.headers, action.headers);
  return out;
}

simulated_answer simulator_engine::control(const http_request& request) {
  const auto path = request.target.substr(0, request.target.find('?'));
  if (path == "/sim/state" && request.method == "GET") return plain_answer(200, to_text(state()));
  if (path == "/sim/reset" && request.method == "POST") {
    reset();
    return plain_answer(200, "{}");
  }
  if (path != "/sim/script" || request.method != "POST")
    return plain_answer(404, to_text({{"error", "no such control"}}));
  try {
    use(parse_script(request.body, "script"));
    return plain_answer(200, "{}");
  } catch (const script_error& error) {
    return plain_answer(400, to_text({{"error", error.what()}}));
  }
}

json simulator_engine::state() const {
  const std::lock_guard lock{mutex_};
  const auto render = [](const counts& x) {
    return json{
        {"requests", x.requests}, {"in_flight", x.in_flight}, {"max_in_flight", x.max_in_flight}};
  };
  auto out = render(total_);
  out["models"] = json::object();
  for (const auto& [name, x] : models_) {
    auto row = render(x);
    row["arrivals"] = json::array();
    for (const auto& [ms, status] : x.arrivals)
      row["arrivals"].push_back({{"ms", ms}, {"status", status}});
    out["models"][name] = std::move(row);
  }
  return out;
}

void simulator_engine::use(simulator_script script) {
  const std::lock_guard lock{mutex_};
  script_ = std::move(script);
}

void simulator_engine::reset() {
  const std::lock_guard lock{mutex_};
  const auto clear = [](counts& x) {
    x.requests = 0;
    x.max_in_flight = x.in_flight;
    x.arrivals.clear();
  };
  clear(total_);
  for (auto& [name, x] : models_)
    clear(x);
  std::erase_if(models_, [](const auto& x) { return x.second.in_flight == 0; });
  for (auto& rule : script_.rules)
    rule.seen = rule.used = 0;
}

void simulator_engine::watch(watcher x) {
  const std::lock_guard lock{mutex_};
  watcher_ = std::move(x);
}

void simulator_engine::leave(const std::string& model) {
  const std::lock_guard lock{mutex_};
  --total_.in_flight;
  if (watcher_) watcher_(model, false, std::chrono::steady_clock::now());
  if (const auto at = models_.find(model); at != models_.end()) --at->second.in_flight;
}

} // namespace echelon::providers
