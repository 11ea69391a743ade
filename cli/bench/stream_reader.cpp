#include "cli/bench/stream_reader.hpp"

#include <nlohmann/json.hpp>

#include <vector>

namespace echelon::cli {

using nlohmann::json;

namespace {

bool says_something(const json& delta) {
  if (!delta.is_object()) return false;
  for (const auto* name : {"content", "reasoning_content", "refusal"})
    if (const auto x = delta.find(name);
        x != delta.end() && x->is_string() && !x->get_ref<const std::string&>().empty())
      return true;
  const auto calls = delta.find("tool_calls");
  return calls != delta.end() && calls->is_array() && !calls->empty();
}

std::string error_text(const json& error) {
  if (error.is_object() && error.contains("message") && error["message"].is_string())
    return error["message"].get<std::string>();
  return "an error event";
}

} // namespace

void stream_reader::feed(std::string_view bytes, time_point now) {
  std::vector<providers::sse_event> events;
  if (!parser_.feed(bytes, events)) error_ = "an event is too large";
  for (const auto& x : events)
    take(x.data, now);
}

void stream_reader::take(const std::string& data, time_point now) {
  ++events_;
  if (data == "[DONE]") {
    finished_ = true;
    return;
  }
  // Once it has begun, only an error is of interest: JSON costs more than all else here.
  if (first_ && data.find("\"error\"") == std::string::npos) return;
  const auto chunk = json::parse(data, nullptr, false);
  if (!chunk.is_object()) {
    error_ = "an event is no JSON object";
    return;
  }
  if (const auto error = chunk.find("error"); error != chunk.end()) error_ = error_text(*error);
  const auto choices = chunk.find("choices");
  if (first_ || choices == chunk.end() || !choices->is_array()) return;
  for (const auto& choice : *choices)
    if (choice.is_object() && choice.contains("delta") && says_something(choice["delta"]))
      first_ = now;
}

std::string stream_reader::failure() const {
  if (!error_.empty()) return error_;
  return finished_ ? "" : "it ended without [DONE]";
}

} // namespace echelon::cli
