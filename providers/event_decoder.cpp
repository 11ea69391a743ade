#include "providers/event_decoder.hpp"

#include "providers/chunks.hpp"
#include "providers/json_read.hpp"
#include "providers/text.hpp"
#include "providers/wire_error.hpp"

#include <exception>
#include <utility>

namespace echelon::providers {

template <class Function>
stream_update event_decoder::guarded(Function&& function) {
  stream_update out;
  if (over_) return out;
  try {
    function(out);
  } catch (const std::exception&) {
    // JSON of an unforeseen shape. What was read before it stays good.
    out.failure = invalid_reply("upstream sent an event of an unknown form");
  }
  if (out.failure) out.finished = false;
  over_ = out.finished || out.failure;
  return out;
}

stream_update event_decoder::feed(std::string_view bytes) {
  return guarded([&](stream_update& out) { take(bytes, out); });
}

stream_update event_decoder::finish() {
  return guarded([&](stream_update& out) { close(out); });
}

void event_decoder::emit(nlohmann::json chunk, stream_update& out) {
  for (const auto& choice : member(chunk, "choices"))
    if (has_content(member(choice, "delta"))) out.content = true;
  out.chunks.push_back(std::move(chunk));
}

void event_decoder::take(std::string_view bytes, stream_update& out) {
  std::string start;
  if (form_ == form::unknown) {
    held_.append(bytes);
    const auto first = held_.find_first_not_of("\xEF\xBB\xBF \t\r\n");
    if (first == std::string::npos) return;
    const auto c = held_[first];
    form_ = c == '{' || c == '[' || c == '<' ? form::body : form::events;
    if (form_ == form::body) return;
    start = std::exchange(held_, {});
    bytes = start;
  }
  if (form_ == form::body) {
    if (held_.size() + bytes.size() > max_)
      out.failure = invalid_reply("upstream sent more than " + std::to_string(max_) + " bytes");
    else
      held_.append(bytes);
    return;
  }
  std::vector<sse_event> events;
  const bool fits = parser_.feed(bytes, events);
  take_events(events, out);
  if (!fits && !out.finished && !out.failure)
    out.failure =
        invalid_reply("upstream sent an event of more than " + std::to_string(max_) + " bytes");
}

void event_decoder::take_events(std::vector<sse_event>& events, stream_update& out) {
  for (const auto& event : events) {
    if (out.finished || out.failure) return;
    if (event.data.starts_with("[DONE]")) {
      on_done(out);
      continue;
    }
    if (trim(event.data).empty()) continue;
    auto value = parse_json(event.data);
    if (value.is_discarded() || !(value.is_object() || value.is_array())) {
      out.failure = looks_like_html(event.data)
                        ? not_json(event.data)
                        : invalid_reply("upstream sent an event that is no valid JSON");
      return;
    }
    if (event.event == "error" && value.is_object() && !value.contains("error")
        && !value.contains("type"))
      value = {{"error", std::move(value)}};
    if (auto failure = embedded_failure(value))
      out.failure = std::move(failure);
    else
      on_event(value, out);
  }
}

void event_decoder::take_body(stream_update& out) {
  const auto value = parse_json(held_);
  if (value.is_discarded())
    out.failure = not_json(held_);
  else if (auto failure = embedded_failure(value))
    out.failure = std::move(failure);
  else
    on_body(value, out);
}

void event_decoder::close(stream_update& out) {
  if (form_ == form::body) {
    take_body(out);
    return;
  }
  std::vector<sse_event> events;
  parser_.finish(events);
  take_events(events, out);
  if (out.finished || out.failure) return;
  if (!parser_.stray().empty()) out.failure = embedded_failure(parse_json(parser_.stray()));
  if (!out.failure) on_close(out);
}

} // namespace echelon::providers
