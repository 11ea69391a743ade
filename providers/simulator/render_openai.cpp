#include "providers/simulator/render.hpp"
#include "providers/text.hpp"

namespace echelon::providers {

using nlohmann::json;

namespace {

constexpr std::int64_t created = 1700000000;

} // namespace

std::vector<float> embed(std::string_view input, std::size_t dimensions) {
  std::uint64_t state = 14695981039346656037ULL; // FNV-1a, then an LCG (Knuth).
  for (const auto c : input)
    state = (state ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  std::vector<float> out;
  out.reserve(dimensions);
  for (std::size_t i = 0; i < dimensions; ++i) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    out.push_back(static_cast<float>(state >> 40) / 8388608.0F - 1.0F);
  }
  return out;
}

json answer_renderer::openai_usage() const {
  return {{"prompt_tokens", call_.prompt_tokens},
          {"completion_tokens", completion_tokens_},
          {"total_tokens", call_.prompt_tokens + completion_tokens_},
          {"prompt_tokens_details", {{"cached_tokens", 0}}},
          {"completion_tokens_details", {{"reasoning_tokens", thought_tokens_}}}};
}

json answer_renderer::openai_plain() const {
  json message{{"role", "assistant"}, {"content", text_}, {"refusal", nullptr}};
  if (call_.thinking) message["reasoning_content"] = thought_text;
  if (!call_.tool.empty()) {
    message["content"] = nullptr;
    message["tool_calls"] = json::array(
        {{{"id", "call_sim_" + std::to_string(id_)},
          {"type", "function"},
          {"function", {{"name", call_.tool}, {"arguments", to_text(call_.arguments)}}}}});
  }
  const auto* reason = call_.tool.empty() ? "stop" : "tool_calls";
  json choice{{"index", 0}, {"message", message}, {"logprobs", nullptr}, {"finish_reason", reason}};
  return {{"id", "chatcmpl-sim-" + std::to_string(id_)},
          {"object", "chat.completion"},
          {"created", created},
          {"model", call_.model},
          {"choices", json::array({choice})},
          {"usage", openai_usage()}};
}

rendered_stream answer_renderer::openai_stream() const {
  json frame{{"id", "chatcmpl-sim-" + std::to_string(id_)},
             {"object", "chat.completion.chunk"},
             {"created", created},
             {"model", call_.model}};
  if (call_.include_usage) frame["usage"] = nullptr;
  const auto event = [&](json delta, json reason) {
    frame["choices"] = json::array(
        {{{"index", 0}, {"delta", std::move(delta)}, {"finish_reason", std::move(reason)}}});
    return "data: " + to_text(frame) + "\n\n";
  };
  rendered_stream out;
  out.opening = event({{"role", "assistant"}, {"content", ""}}, nullptr);
  if (call_.thinking) out.chunks.push_back(event({{"reasoning_content", thought_text}}, nullptr));
  if (call_.tool.empty()) {
    for (auto& word : split_words(text_))
      out.chunks.push_back(event({{"content", std::move(word)}}, nullptr));
  } else {
    const auto arguments = call_.arguments.dump(-1, ' ', true); // ASCII: may be cut anywhere.
    const auto half = arguments.size() / 2;
    json head{{"index", 0},
              {"id", "call_sim_" + std::to_string(id_)},
              {"type", "function"},
              {"function", {{"name", call_.tool}, {"arguments", ""}}}};
    out.chunks.push_back(event({{"tool_calls", json::array({head})}}, nullptr));
    for (const auto& piece : {arguments.substr(0, half), arguments.substr(half)}) {
      json delta{{"index", 0}, {"function", {{"arguments", piece}}}};
      out.chunks.push_back(event({{"tool_calls", json::array({delta})}}, nullptr));
    }
  }
  out.closing = event(json::object(), call_.tool.empty() ? "stop" : "tool_calls");
  if (call_.include_usage) {
    frame["choices"] = json::array();
    frame["usage"] = openai_usage();
    out.closing += "data: " + to_text(frame) + "\n\n";
  }
  out.closing += "data: [DONE]\n\n";
  return out;
}

json answer_renderer::openai_embeddings() const {
  auto data = json::array();
  for (const auto& input : call_.inputs) {
    const auto vector = embed(input, call_.dimensions);
    json row{{"object", "embedding"}, {"index", data.size()}};
    if (call_.base64)
      row["embedding"] = base64_of(vector);
    else
      row["embedding"] = vector;
    data.push_back(std::move(row));
  }
  return {
      {"object", "list"},
      {"model", call_.model},
      {"data", std::move(data)},
      {"usage", {{"prompt_tokens", call_.prompt_tokens}, {"total_tokens", call_.prompt_tokens}}}};
}

} // namespace echelon::providers
