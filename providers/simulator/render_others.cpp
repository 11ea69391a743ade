#include "providers/simulator/render.hpp"

namespace echelon::providers {

using nlohmann::json;

namespace {

constexpr std::string_view signature = "c2ltdWxhdGVk";

std::string named_event(const json& data) {
  return "event: " + data.at("type").get<std::string>() + "\ndata: " + to_text(data) + "\n\n";
}

} // namespace

json answer_renderer::anthropic_plain() const {
  auto content = json::array();
  if (call_.thinking)
    content.push_back({{"type", "thinking"}, {"thinking", thought_text}, {"signature", signature}});
  if (call_.tool.empty())
    content.push_back({{"type", "text"}, {"text", text_}});
  else
    content.push_back({{"type", "tool_use"},
                       {"id", "toolu_sim_" + std::to_string(id_)},
                       {"name", call_.tool},
                       {"input", call_.arguments}});
  return {{"id", "msg_sim_" + std::to_string(id_)},
          {"type", "message"},
          {"role", "assistant"},
          {"model", call_.model},
          {"content", std::move(content)},
          {"stop_reason", call_.tool.empty() ? "end_turn" : "tool_use"},
          {"stop_sequence", nullptr},
          {"usage",
           {{"input_tokens", call_.prompt_tokens},
            {"cache_creation_input_tokens", 0},
            {"cache_read_input_tokens", 0},
            {"output_tokens", completion_tokens_}}}};
}

rendered_stream answer_renderer::anthropic_stream() const {
  rendered_stream out;
  auto message = anthropic_plain();
  message["content"] = json::array();
  message["stop_reason"] = nullptr;
  message["usage"]["output_tokens"] = 1;
  out.opening = named_event({{"type", "message_start"}, {"message", message}});
  out.opening += named_event({{"type", "ping"}});
  int index = 0;
  std::string before; // Events that carry no content go with the next that does.
  const auto open = [&](const json& block) {
    before +=
        named_event({{"type", "content_block_start"}, {"index", index}, {"content_block", block}});
  };
  const auto delta = [&](const json& what) {
    out.chunks.push_back(
        before + named_event({{"type", "content_block_delta"}, {"index", index}, {"delta", what}}));
    before.clear();
  };
  const auto close = [&] {
    before += named_event({{"type", "content_block_stop"}, {"index", index}});
    ++index;
  };
  if (call_.thinking) {
    open({{"type", "thinking"}, {"thinking", ""}, {"signature", ""}});
    delta({{"type", "thinking_delta"}, {"thinking", thought_text}});
    before += named_event({{"type", "content_block_delta"},
                           {"index", index},
                           {"delta", {{"type", "signature_delta"}, {"signature", signature}}}});
    close();
  }
  if (call_.tool.empty()) {
    open({{"type", "text"}, {"text", ""}});
    for (auto& word : split_words(text_))
      delta({{"type", "text_delta"}, {"text", std::move(word)}});
  } else {
    open({{"type", "tool_use"},
          {"id", "toolu_sim_" + std::to_string(id_)},
          {"name", call_.tool},
          {"input", json::object()}});
    const auto arguments = call_.arguments.dump(-1, ' ', true); // ASCII: may be cut anywhere.
    const auto half = arguments.size() / 2;
    for (const auto& piece : {arguments.substr(0, half), arguments.substr(half)})
      delta({{"type", "input_json_delta"}, {"partial_json", piece}});
  }
  close();
  out.closing = before;
  out.closing += named_event({{"type", "message_delta"},
                              {"delta",
                               {{"stop_reason", call_.tool.empty() ? "end_turn" : "tool_use"},
                                {"stop_sequence", nullptr}}},
                              {"usage", {{"output_tokens", completion_tokens_}}}});
  out.closing += named_event({{"type", "message_stop"}});
  return out;
}

json answer_renderer::gemini_event(json parts, bool last) const {
  json candidate{{"index", 0}, {"content", {{"role", "model"}, {"parts", std::move(parts)}}}};
  if (last) candidate["finishReason"] = "STOP";
  json usage{{"promptTokenCount", call_.prompt_tokens}};
  if (last) usage["candidatesTokenCount"] = completion_tokens_ - thought_tokens_;
  if (last && thought_tokens_ > 0) usage["thoughtsTokenCount"] = thought_tokens_;
  usage["totalTokenCount"] = call_.prompt_tokens + (last ? completion_tokens_ : 0);
  return {{"candidates", json::array({candidate})},
          {"usageMetadata", usage},
          {"modelVersion", call_.model},
          {"responseId", "sim-" + std::to_string(id_)}};
}

json answer_renderer::gemini_plain() const {
  auto parts = json::array();
  if (call_.thinking) parts.push_back({{"text", thought_text}, {"thought", true}});
  if (call_.tool.empty())
    parts.push_back({{"text", text_}});
  else
    parts.push_back({{"functionCall", {{"name", call_.tool}, {"args", call_.arguments}}}});
  return gemini_event(std::move(parts), true);
}

rendered_stream answer_renderer::gemini_stream() const {
  rendered_stream out;
  const auto event = [&](json part, bool last) {
    auto parts = json::array();
    parts.push_back(std::move(part));
    return "data: " + to_text(gemini_event(std::move(parts), last)) + "\n\n";
  };
  if (call_.thinking)
    out.chunks.push_back(event({{"text", thought_text}, {"thought", true}}, false));
  if (call_.tool.empty()) {
    for (auto& word : split_words(text_))
      out.chunks.push_back(event({{"text", std::move(word)}}, false));
  } else {
    out.chunks.push_back(
        event({{"functionCall", {{"name", call_.tool}, {"args", call_.arguments}}}}, false));
  }
  out.closing = event({{"text", ""}}, true);
  return out;
}

json answer_renderer::gemini_embeddings() const {
  auto rows = json::array();
  for (const auto& input : call_.inputs)
    rows.push_back({{"values", embed(input, call_.dimensions)}});
  return {{"embeddings", std::move(rows)}};
}

} // namespace echelon::providers
