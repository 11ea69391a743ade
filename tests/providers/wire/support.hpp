/// What the tests of the wire formats share.
#pragma once

#include "providers/adapter.hpp"
#include "providers/json_read.hpp"
#include "providers/text.hpp"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace echelon::providers::test {

using nlohmann::json;

inline std::string text_of_file(const std::filesystem::path& path) {
  std::ostringstream out;
  out << std::ifstream{path}.rdbuf();
  return out.str();
}

/// One attempt at one model; set what the test needs, then build.
struct attempt {
  config::provider_config provider;
  config::model_config model;
  config::tier_parameters parameters;
  std::string key = "key-of-provider";
  bool stream = false;
  operation op = operation::chat;

  explicit attempt(config::provider_kind kind, std::string id = "the-model") {
    provider.kind = kind;
    provider.base_url = "http://host:1234";
    model.name = "m";
    model.model = std::move(id);
  }
  [[nodiscard]] built_request build(json body) const {
    canonical_request request{op, std::move(body), stream};
    return adapter_for(provider.kind).build(request, {provider, model, parameters, key});
  }
  /// Body as the upstream reads it.
  [[nodiscard]] json sent(json body) const {
    const auto built = build(std::move(body));
    return built.failure ? json{{"failure", built.failure->message}}
                         : json::parse(built.request.body);
  }
};

inline std::string header(const header_list& headers, std::string_view name) {
  for (const auto& [key, value] : headers)
    if (same_text(key, name)) return value;
  return {};
}

inline json user(std::string text) {
  return {{"role", "user"}, {"content", std::move(text)}};
}

inline json chat(json messages) {
  return {{"model", "target"}, {"messages", std::move(messages)}};
}

inline json tool(std::string name, json parameters = {{"type", "object"}}) {
  return {{"type", "function"},
          {"function", {{"name", std::move(name)}, {"parameters", std::move(parameters)}}}};
}

inline json call(std::string id, std::string name, std::string arguments) {
  return {{"id", std::move(id)},
          {"type", "function"},
          {"function", {{"name", std::move(name)}, {"arguments", std::move(arguments)}}}};
}

/// All that a stream came to.
struct outcome {
  std::vector<json> chunks;
  bool content = false;
  bool finished = false;
  std::optional<token_usage> usage;
  std::optional<upstream_failure> failure;

  void take(stream_update update) {
    for (auto& chunk : update.chunks)
      chunks.push_back(std::move(chunk));
    content = content || update.content;
    finished = finished || update.finished;
    if (update.usage) usage = update.usage;
    if (update.failure) failure = std::move(update.failure);
  }
  /// Text under `key` in the deltas of choice 0, joined.
  [[nodiscard]] std::string text(const char* key = "content") const {
    std::string result;
    for (const auto& chunk : chunks)
      for (const auto& choice : chunk["choices"])
        if (choice["index"] == 0) result += text_of(choice["delta"], key);
    return result;
  }
  [[nodiscard]] std::vector<std::string> finish_reasons() const {
    std::vector<std::string> result;
    for (const auto& chunk : chunks)
      for (const auto& choice : chunk["choices"])
        if (!choice["finish_reason"].is_null()) result.push_back(choice["finish_reason"]);
    return result;
  }
  /// All deltas of tool calls, in order.
  [[nodiscard]] std::vector<json> calls() const {
    std::vector<json> result;
    for (const auto& chunk : chunks)
      for (const auto& choice : chunk["choices"])
        if (choice["delta"].contains("tool_calls"))
          for (const auto& x : choice["delta"]["tool_calls"])
            result.push_back(x);
    return result;
  }
  [[nodiscard]] std::string arguments(int index) const {
    std::string result;
    for (const auto& x : calls())
      if (x["index"] == index) result += text_of(x["function"], "arguments");
    return result;
  }
};

/// Decodes a stream that came in these pieces and then closed.
inline outcome decode(config::provider_kind kind, const std::vector<std::string>& pieces) {
  const auto decoder = adapter_for(kind).decode_stream({operation::chat, json::object(), true}, 77);
  outcome result;
  for (const auto& piece : pieces)
    result.take(decoder->feed(piece));
  result.take(decoder->finish());
  return result;
}

inline outcome decode(config::provider_kind kind, const std::string& bytes) {
  return decode(kind, std::vector<std::string>{bytes});
}

/// `bytes` in two pieces, cut at each place, and byte by byte.
inline std::vector<std::vector<std::string>> all_splits(const std::string& bytes) {
  std::vector<std::vector<std::string>> result;
  for (std::size_t cut = 1; cut < bytes.size(); ++cut)
    result.push_back({bytes.substr(0, cut), bytes.substr(cut)});
  std::vector<std::string> single;
  for (const char c : bytes)
    single.emplace_back(1, c);
  result.push_back(std::move(single));
  return result;
}

inline std::string data(const json& value) {
  return "data: " + dump(value) + "\n\n";
}

inline plain_reply parse(config::provider_kind kind, const std::string& body) {
  return adapter_for(kind).parse({operation::chat, json::object(), false}, body);
}

inline upstream_failure fail(config::provider_kind kind, int status, const std::string& body,
                             const header_list& headers = {}) {
  return adapter_for(kind).parse_error(status, headers, body, {});
}

} // namespace echelon::providers::test
