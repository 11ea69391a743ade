#include "providers/gemini.hpp"
#include "providers/json_read.hpp"

#include <algorithm>
#include <array>

namespace echelon::providers {

using nlohmann::json;

namespace {

// OpenAI's finish reason. A failed call or an unknown reason is `stop`: the model ended by itself
// and no filter was at work.
std::string_view finish_of(std::string_view reason, bool called) {
  constexpr std::array<std::string_view, 6> filters{
      "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE"};
  if (reason == "MAX_TOKENS") return "length";
  if (reason == "content_filter" || reason.starts_with("IMAGE_")
      || std::find(filters.begin(), filters.end(), reason) != filters.end())
    return "content_filter";
  return called ? "tool_calls" : "stop";
}

token_usage usage_from(const json& metadata) {
  const auto count = [&](const char* key) { return count_of(metadata, key).value_or(0); };
  token_usage usage;
  usage.prompt_tokens = count("promptTokenCount") + count("toolUsePromptTokenCount");
  usage.reasoning_tokens = count("thoughtsTokenCount");
  usage.completion_tokens = count("candidatesTokenCount") + usage.reasoning_tokens;
  usage.cached_tokens = count("cachedContentTokenCount");
  return usage;
}

} // namespace

void gemini_reader::take(const json& response, std::vector<json>& chunks) {
  writer_.name(begun_.empty() ? text_of(response, "responseId") : std::string{},
               begun_.empty() ? text_of(response, "modelVersion") : std::string{});
  if (has(response, "usageMetadata")) usage_ = usage_from(member(response, "usageMetadata"));
  const auto& candidates = member(response, "candidates");
  if (candidates.is_array()) {
    std::int64_t position = 0;
    for (const auto& candidate : candidates) {
      take_candidate(candidate, count_of(candidate, "index").value_or(position), chunks);
      ++position;
    }
  }
  if (!text_of(member(response, "promptFeedback"), "blockReason").empty() && begun_.empty()) {
    begin(0, chunks);
    reasons_[0] = "content_filter";
  }
}

void gemini_reader::take_candidate(const json& candidate, std::int64_t index,
                                   std::vector<json>& chunks) {
  begin(index, chunks);
  const auto& parts = member(member(candidate, "content"), "parts");
  if (parts.is_array())
    for (const auto& part : parts) {
      if (member(part, "functionCall").is_object()) {
        chunks.push_back(
            writer_.delta(index, {{"tool_calls", json::array({call_of(part, index)})}}));
      } else if (auto text = text_of(part, "text"); !text.empty()) {
        const auto* key = flag_of(part, "thought") ? "reasoning_content" : "content";
        chunks.push_back(writer_.delta(index, {{key, std::move(text)}}));
      }
    }
  if (auto reason = text_of(candidate, "finishReason");
      !reason.empty() && reason != "FINISH_REASON_UNSPECIFIED")
    reasons_[index] = std::move(reason);
}

json gemini_reader::call_of(const json& part, std::int64_t choice) {
  const auto& call = member(part, "functionCall");
  auto id = text_of(call, "id");
  if (id.empty() || ids_.contains(id)) id = make_id("call_");
  ids_.insert(id);
  const auto& args = member(call, "args");
  json result{{"index", calls_[choice]++},
              {"id", std::move(id)},
              {"type", "function"},
              {"function",
               {{"name", text_of(call, "name")},
                {"arguments", args.is_object() ? dump(args) : std::string{"{}"}}}}};
  // To be sent back with the call; the place Google's own OpenAI endpoint uses.
  if (auto signature = text_of(part, "thoughtSignature"); !signature.empty())
    result["extra_content"] = {{"google", {{"thought_signature", std::move(signature)}}}};
  return result;
}

void gemini_reader::begin(std::int64_t choice, std::vector<json>& chunks) {
  if (begun_.insert(choice).second)
    chunks.push_back(writer_.delta(choice, {{"role", "assistant"}, {"content", ""}}));
}

void gemini_reader::end(std::vector<json>& chunks) {
  for (const auto choice : begun_) {
    const auto reason = reasons_.find(choice);
    chunks.push_back(writer_.finish(
        choice, finish_of(reason == reasons_.end() ? "STOP" : reason->second, calls_[choice] > 0)));
  }
  if (usage_) chunks.push_back(writer_.usage(*usage_));
}

} // namespace echelon::providers
