/// What requests of each wire mean, read independently of the adapters, and random conversations.
#pragma once

#include "tests/providers/wire/support.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace echelon::providers::test {

/// What a conversation says, part by part: "system:A", "user:hi", "image:DATA", "assistant:x",
/// "call:f:{...}", "result:f:42". All systems come first: Anthropic and Gemini keep them apart.
using meaning = std::vector<std::string>;

inline meaning systems_first(meaning x) {
  std::stable_partition(x.begin(), x.end(),
                        [](const std::string& part) { return part.starts_with("system:"); });
  return x;
}

inline std::string after(const std::string& text, char mark) {
  return text.substr(text.find(mark) + 1);
}

inline meaning meaning_of_openai(const json& body) {
  meaning result;
  std::map<std::string, std::string> names;
  for (const auto& message : body["messages"]) {
    const auto role = text_of(message, "role");
    const auto& content = member(message, "content");
    if (role == "tool") {
      result.push_back("result:" + names[text_of(message, "tool_call_id")] + ':'
                       + content.get<std::string>());
      continue;
    }
    const auto who = role == "developer" ? "system" : role;
    if (content.is_string()) result.push_back(who + ':' + content.get<std::string>());
    if (content.is_array())
      for (const auto& part : content) {
        if (part["type"] == "text")
          result.push_back(who + ':' + text_of(part, "text"));
        else
          result.push_back("image:" + after(text_of(part["image_url"], "url"), ','));
      }
    if (message.contains("tool_calls"))
      for (const auto& call : message["tool_calls"]) {
        const auto& function = call["function"];
        names[text_of(call, "id")] = text_of(function, "name");
        result.push_back("call:" + text_of(function, "name") + ':'
                         + dump(json::parse(text_of(function, "arguments"))));
      }
  }
  return systems_first(result);
}

inline meaning meaning_of_anthropic(const json& body) {
  meaning result;
  std::map<std::string, std::string> names;
  if (const auto& system = member(body, "system"); system.is_string())
    result.push_back("system:" + system.get<std::string>());
  std::string last;
  for (const auto& message : body["messages"]) {
    const auto role = text_of(message, "role");
    if (role == last) result.push_back("two turns of " + role);
    last = role;
    for (const auto& block : message["content"]) {
      const auto type = text_of(block, "type");
      if (type == "text") {
        result.push_back(role + ':' + text_of(block, "text"));
      } else if (type == "image") {
        result.push_back("image:" + text_of(block["source"], "data"));
      } else if (type == "tool_use") {
        names[text_of(block, "id")] = text_of(block, "name");
        result.push_back("call:" + text_of(block, "name") + ':' + dump(block["input"]));
      } else if (type == "tool_result") {
        const auto& content = member(block, "content");
        std::string text;
        if (content.is_string()) text = content.get<std::string>();
        if (content.is_array())
          for (const auto& part : content)
            text += text_of(part, "text");
        result.push_back("result:" + names[text_of(block, "tool_use_id")] + ':' + text);
      } else {
        result.push_back("unknown block " + type);
      }
    }
  }
  return result;
}

inline meaning meaning_of_gemini(const json& body) {
  meaning result;
  if (body.contains("systemInstruction"))
    for (const auto& part : body["systemInstruction"]["parts"])
      result.push_back("system:" + text_of(part, "text"));
  std::string last;
  for (const auto& content : body["contents"]) {
    const auto role = text_of(content, "role") == "model" ? "assistant" : text_of(content, "role");
    if (role == last) result.push_back("two turns of " + role);
    last = role;
    for (const auto& part : content["parts"]) {
      if (part.contains("functionCall")) {
        const auto& call = part["functionCall"];
        result.push_back("call:" + text_of(call, "name") + ':' + dump(call["args"]));
      } else if (part.contains("functionResponse")) {
        const auto& reply = part["functionResponse"];
        std::string text;
        for (const auto& [key, value] : reply["response"].items())
          text += value.is_string() ? value.get<std::string>() : dump(value);
        result.push_back("result:" + text_of(reply, "name") + ':' + text);
      } else if (part.contains("inlineData")) {
        result.push_back("image:" + text_of(part["inlineData"], "data"));
      } else {
        result.push_back(role + ':' + text_of(part, "text"));
      }
    }
  }
  return result;
}

/// Results in the order of their calls, as Gemini must have them: calls of one function are told
/// apart by their order alone.
inline json results_in_order(json body) {
  std::map<std::string, std::size_t> order;
  json sorted = json::array();
  std::multimap<std::size_t, json> results;
  const auto flush = [&] {
    for (auto& [position, message] : results)
      sorted.push_back(std::move(message));
    results.clear();
  };
  for (const auto& message : body["messages"]) {
    if (message["role"] == "tool") {
      results.emplace(order[text_of(message, "tool_call_id")], message);
      continue;
    }
    flush();
    if (message.contains("tool_calls"))
      for (const auto& call : message["tool_calls"])
        order.emplace(text_of(call, "id"), order.size());
    sorted.push_back(message);
  }
  flush();
  body["messages"] = std::move(sorted);
  return body;
}

/// Systems of one conversation are joined where a wire has one place for them.
inline meaning systems_joined(const meaning& x) {
  meaning result;
  std::string system;
  for (const auto& part : x) {
    if (!part.starts_with("system:"))
      result.push_back(part);
    else
      system += (system.empty() ? "" : "\n\n") + part.substr(7);
  }
  if (!system.empty()) result.insert(result.begin(), "system:" + system);
  return result;
}

/// Random choices that a seed replays.
class dice {
public:
  explicit dice(unsigned seed) : random_(seed) {}
  std::size_t below(std::size_t n) {
    return std::uniform_int_distribution<std::size_t>{0, n - 1}(random_);
  }
  bool one_in(std::size_t n) { return below(n) == 0; }
  /// Never blank; any alphabet, quotes, escapes and line ends.
  std::string text() {
    static const std::vector<std::string> bits{
        "a",       "Z ",          "é",       "北京", "😀",        "\"q\"", "\\",
        "\n",      "\t",          "data: x", "{}",   "[DONE]",   "</b>",  "\u2028",
        "event: ", "0123456789 ", "\r\n",    "null", "\xC2\x85", "&amp;"};
    std::string result = "x";
    for (auto n = below(6); n > 0; --n)
      result += bits[below(bits.size())];
    return result + std::to_string(below(1000));
  }
  json arguments() {
    json result = json::object();
    for (auto n = below(4); n > 0; --n) {
      const auto key = "k" + std::to_string(below(5));
      switch (below(4)) {
      case 0: result[key] = text(); break;
      case 1: result[key] = static_cast<int>(below(100)) - 50; break;
      case 2: result[key] = {{"deep", json::array({1, nullptr, true, text()})}}; break;
      default: result[key] = nullptr;
      }
    }
    return result;
  }

private:
  std::mt19937 random_;
};

/// A conversation in the canonical form: systems, users with texts and images, assistants with
/// texts and calls, all calls answered, and a user at the end.
inline json random_conversation(dice& chance) {
  json messages = json::array();
  std::size_t calls = 0;
  for (auto n = chance.below(3); n > 0; --n)
    messages.push_back(
        {{"role", chance.one_in(2) ? "system" : "developer"}, {"content", chance.text()}});
  for (auto n = 1 + chance.below(5); n > 0; --n) {
    if (chance.one_in(2)) {
      messages.push_back(user(chance.text()));
    } else {
      json parts = json::array();
      for (auto k = 1 + chance.below(3); k > 0; --k) {
        if (chance.one_in(3))
          parts.push_back(
              {{"type", "image_url"},
               {"image_url", {{"url", "data:image/png;base64,AAA" + std::to_string(k)}}}});
        else
          parts.push_back({{"type", "text"}, {"text", chance.text()}});
      }
      messages.push_back({{"role", "user"}, {"content", std::move(parts)}});
    }
    json assistant = {{"role", "assistant"}, {"content", nullptr}};
    if (chance.one_in(2)) assistant["content"] = chance.text();
    json results = json::array();
    for (auto k = chance.below(4); k > 0; --k) {
      const auto id = "call_" + std::to_string(++calls);
      assistant["tool_calls"].push_back(
          call(id, "f" + std::to_string(chance.below(3)), dump(chance.arguments())));
      results.push_back({{"role", "tool"}, {"tool_call_id", id}, {"content", chance.text()}});
    }
    if (assistant["content"].is_null() && results.empty()) assistant["content"] = chance.text();
    messages.push_back(std::move(assistant));
    // Results may come in another order than the calls.
    if (results.size() > 1 && chance.one_in(3)) std::swap(results[0], results[1]);
    for (auto& one : results)
      messages.push_back(std::move(one));
  }
  messages.push_back(user(chance.text()));
  return chat(std::move(messages));
}

/// `bytes` in pieces of random sizes, some of one byte.
inline std::vector<std::string> random_pieces(dice& chance, const std::string& bytes) {
  std::vector<std::string> result;
  for (std::size_t at = 0; at < bytes.size();) {
    const auto size = chance.one_in(3) ? 1 : 1 + chance.below(40);
    result.push_back(bytes.substr(at, size));
    at += size;
  }
  return result;
}

} // namespace echelon::providers::test
